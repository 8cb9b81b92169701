"""The loads: what clients ask trothd for, and what each of them must come to."""

import dataclasses
import json

from servers import TRANSFER

# A fallback begins when a prepare has not come by then; bench_participant's `late` answers behind that.
LATE_TIMEOUT_MS = 100


@dataclasses.dataclass
class Load:
    kind: str = "nothing"  # of participants (servers.KINDS); None: there are none
    definition: dict = None
    input: str = "{}"
    outcome: str = "committed"
    step_state: str = ""
    get: str = None  # a path, in place of transactions
    options: dict = dataclasses.field(default_factory=dict)  # of trothd
    # Of each transaction, commands that do work: how often participants must have been asked at least.
    commands: dict = dataclasses.field(default_factory=dict)


def transfer(kind, **members):
    """transfer.json over other participants."""
    definition = json.loads(TRANSFER.read_text())
    definition.update(members)
    for step in definition["steps"]:
        step["participant"] = step["participant"].replace("bank", kind)
    return Load(kind, definition, '{"from":@a,"to":@b,"amount":1}', step_state="committed")


def steps(*operations, **of_second):
    """Two steps, at two participants that do nothing, the second behind the first where it says so."""
    return [{"name": f"step_{letter}", "participant": f"nothing_{letter}", "operation": operation,
             "input": {"number": "${input.number}"}, **(of_second if letter == "b" else {})}
            for letter, operation in zip("ab", operations)]


def nothing(name, mode, operations=("nothing", "nothing"), of_second=None, outcome="committed", step_state="",
            commands=None, options=None, **members):
    definition = {"name": name, "version": 1, "mode": mode, "timeout": "1h",
                  "steps": steps(*operations, **(of_second or {})), **members}
    return Load("nothing", definition, '{"number":@n}', outcome, step_state, options=options or {},
                commands=commands or {})


def compensated(definition):
    """Each step of a saga has a compensation."""
    for step in definition["steps"]:
        step["compensate"] = {"operation": step["operation"], "input": {}}
    return definition


def loads():
    """By name. Made anew each time: whoever measures may change them."""
    saga = nothing("saga", "saga", step_state="done", commands={"execute": 2})
    compensated(saga.definition)
    undone = nothing("undone", "saga", ("nothing", "refuses"), {"after": ["step_a"]}, outcome="compensated",
                     commands={"execute": 2, "compensate": 1})
    compensated(undone.definition)
    fallback = nothing("fallback", "2pc_then_saga", ("nothing", "late"), prepare_timeout=f"{LATE_TIMEOUT_MS}ms",
                       step_state="done", commands={"execute": 2})
    compensated(fallback.definition)
    parks = nothing("parks", "saga", ("stuck", "refuses"), {"after": ["step_a"]})
    compensated(parks.definition)
    two_phase = {"step_state": "committed", "commands": {"prepare": 2, "commit": 2}}
    return {
        "troth": transfer("bank"), "function": transfer("function", name="transfer_function"),
        "ordered": transfer("bank", name="transfer_ordered", prepare="ordered"),
        "noop": nothing("noop", "2pc", **two_phase), "saga": saga, "undone": undone, "fallback": fallback,
        "http": Load(None, get="/healthz"),
        "off": nothing("noop", "2pc", **two_phase),
        "table": nothing("noop", "2pc", options={"outbox": "table"}, **two_phase),
        "kafka": nothing("noop", "2pc", **two_phase),
        "parks": parks, "doubtful": nothing("doubtful", "2pc", ("doubtful", "doubtful")),
    }
