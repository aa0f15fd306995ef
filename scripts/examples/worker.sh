#!/bin/sh
# A worker for a search of `hpo serve` in plain shell, with curl and jq:  sh worker.sh SEARCH [CLIENT]
set -eu
search=$1 client=${2:-shell-$$}
tasks=${HPO_SERVER:-http://127.0.0.1:8517}/api/v1/searches/$(printf %s "$search" | jq -sRr @uri)/tasks

# Your training goes here: print the value that SETTINGS (as JSON) and a SEED give.
train() {
    printf %s "$1" | jq '(.x - 0.3) * (.x - 0.3)'
}

# Each request may be sent again: asking gives the same tasks, and what is told twice counts once.
post() {
    printf %s "$2" | curl -sS --fail-with-body --retry 20 --retry-all-errors --retry-max-time 600 \
        ${HPO_TOKEN:+-H "Authorization: Bearer $HPO_TOKEN"} -H 'Content-Type: application/json' -d @- "$tasks$1"
}

while :; do
    asked=$(post '' "$(jq -nc --arg client "$client" '{$client, wait: 20}')")
    case $(printf %s "$asked" | jq -r .state) in running | paused) ;; *) break ;; esac
    task=$(printf %s "$asked" | jq -c '.tasks[0] // empty')
    if [ -z "$task" ]; then
        sleep "$(printf %s "$asked" | jq .retry_after)"
        continue
    fi
    value=$(train "$(printf %s "$task" | jq -c .params)" "$(printf %s "$task" | jq .seed)")
    result=$(jq -nc --arg client "$client" --argjson value "$value" '{$client, $value}')
    post "/$(printf %s "$task" | jq -r .task)/result" "$result" > /dev/null
done
