// A worker for a search of `hpo serve` in plain JavaScript, without any package:  node worker.mjs SEARCH [CLIENT]
const [search, client = `node-${process.pid}`] = process.argv.slice(2);
const server = process.env.HPO_SERVER ?? "http://127.0.0.1:8517", token = process.env.HPO_TOKEN;
const tasks = `${server}/api/v1/searches/${encodeURIComponent(search)}/tasks`;

// Your training goes here: the metrics of one epoch. `state` is what you keep from epoch to epoch.
function trainEpoch(params, epoch, seed, state) {
  return { loss: (params.x - 0.3) * (params.x - 0.3) + 0.1 / epoch };
}

// Each request may be sent again: asking gives the same tasks, and what is reported or told twice counts once.
async function post(path, body) {
  for (;;) {
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const request = { method: "POST", headers, body: JSON.stringify({ client, ...body }) };
    const answer = await fetch(tasks + path, request).catch(() => ({ status: 503 }));
    if (answer.status < 400 || answer.status === 409) return answer.json();
    if (![429, 502, 503, 504].includes(answer.status)) throw new Error(await answer.text());
    await new Promise((resolve) => setTimeout(resolve, 1000)); // the service is being restarted
  }
}

const curves = {}, states = {};
for (;;) {
  const asked = await post("", { count: 1, wait: 20 });
  if (!["running", "paused"].includes(asked.state)) break;
  const todo = asked.tasks.find((task) => task.action === "go_on");
  if (!todo) await new Promise((resolve) => setTimeout(resolve, 1000 * asked.retry_after));
  if (!todo) continue;
  const curve = (curves[todo.task] ??= []), state = (states[todo.task] ??= {});
  while (curve.length < todo.until_epoch)
    curve.push(trainEpoch(todo.params, curve.length + 1, todo.seed, state));
  await post(`/${todo.task}/epochs`, { metrics: curve }); // at a rung of halving, it may be told to wait or to stop
  if (todo.until_epoch === todo.epochs) await post(`/${todo.task}/result`);
}
