"""The commands that make models and use them: train and predict."""

from __future__ import annotations

from pathlib import Path

import click

from hpo.cli.completing import study_names
from hpo.cli.options import storage_option
from hpo.cli.output import STDOUT, drawing, say, stdout_for_results, write, writing


@click.command()
@click.argument("name", shell_complete=study_names)
@click.option(
    "output", "-o", type=click.Path(path_type=Path, dir_okay=False), required=True, metavar="FILE",
    help="Where the model is written: a .hpo file, or an .onnx file for other programs.",
)  # fmt: skip
@click.option(
    "--trial", type=int, metavar="N", help="Settings of this trial. [default: recommended]"
)
@click.option("every_row", "--all", is_flag=True, help="Train on the test rows, too.")
@click.option(
    "--ensemble", type=click.IntRange(1), default=1, show_default=True, metavar="K",
    help="Let K networks answer together, with the settings of the finalists.",
)  # fmt: skip
@click.option(
    "--card", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.md|FILE.html",
    help="Also write what the model is, how good it is, and what not to use it for.",
)  # fmt: skip
@storage_option
def train(
    name: str,
    output: Path,
    trial: int | None,
    every_row: bool,
    ensemble: int,
    card: Path | None,
    storage: str,
) -> None:
    """Train a network with the settings that the study NAME recommends, and write it to a file.

    It trains on all rows but the test rows, so that its score on these tells how good it is. The data must be where
    the study found them.

    A file that ends in .hpo is read by hpo predict and trainer.load; one that ends in .onnx by ONNX Runtime and others,
    and what turns the cells of a table into inputs is in it, too (python -m pydoc trainer.onnx_file).

    With --card, the networks that confirmed the settings train again, and a page says what they answered for rows that
    they were not trained on: which classes are mistaken for which, whether probabilities can be believed, how far
    estimates are off, and which columns matter.

    \b
    hpo train penguins -o penguins.hpo
    hpo train penguins -o penguins.hpo --card penguins.html
    hpo train penguins -o penguins.hpo --ensemble 5
    hpo train penguins -o penguins.onnx
    hpo predict penguins.hpo new.csv -o answers.csv
    """
    from hpo import models
    from hpo.display.model import of_model
    from hpo.display.text import show

    models.check_output(output)
    if card is not None:
        from hpo.card.writing import card_of, check_name

        check_name(card)
    with stdout_for_results():
        chosen = models.choose(
            name, storage=storage, trial=trial, every_row=every_row, ensemble=ensemble
        )
        model = chosen.model
    with writing(output):
        notes = models.write(model, output)
    if card is not None:
        with stdout_for_results(), drawing(card.parent):
            page = card_of(chosen, card)
        write(card, page)
    show(*of_model(str(output), models.facts_of(model)))
    for note in notes:
        say(note)


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("table", type=click.Path(path_type=Path))
@click.option(
    "output", "-o", type=click.Path(path_type=Path), default=STDOUT, metavar="FILE",
    help="A .csv, .csv.gz or .parquet file. [default: -, which is stdout]",
)  # fmt: skip
def predict(model: Path, table: Path, output: Path) -> None:
    """Predict the labels of the rows of TABLE with a MODEL that hpo train wrote, a row for each row.

    Columns are found by their names, in any order. Classes have a column of labels and one of probabilities for each;
    quantities have an interval that holds 95 % of rows like those that the model was tried on. The rows are read and
    written in pieces, so the table may be larger than memory.

    \b
    hpo predict penguins.hpo new.csv -o answers.csv
    """
    from hpo.predicting import predict_file

    with writing(output):
        for line in predict_file(model, table, output):
            say(line)
