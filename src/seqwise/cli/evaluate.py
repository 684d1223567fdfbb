"""``seqwise evaluate``: a finished model on labelled data."""

from seqwise.cli import shared


def command(
    run: shared.Folder,
    data: shared.Data,
    text: shared.TextColumn = None,
    target: shared.TargetColumn = None,
    header: shared.Header = None,
    id: shared.IdColumn = None,
    time: shared.TimeColumn = None,
    split: shared.TimeSplit = None,
    json: shared.Json = False,
) -> None:
    """Score a run's recommended model, or a model folder, on labelled data; of language models the best trained one, on text."""
    from seqwise.api import evaluate

    found = evaluate(run, data, text=text, target=target, header=header, id=id, time=time, split=split)
    if json:
        shared.print_json(found)
        return
    print(f"{found['name']} on {found['data']}, {found['examples']:,} {found.get('counted', 'examples')}")
    if found["note"]:
        print(f"  NOTE: {found['note']}")
    for name, score in found["scores"].items():
        interval = "" if score["ci95"] is None else f"  (95 % interval {score['ci95'][0]:.4f} to {score['ci95'][1]:.4f})"
        print(f"  {name:10} {score['value']:.4f}{interval}")
