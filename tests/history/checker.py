"""Holds what clients were told (record.py) against what the journal, the databases, Kafka and the till say at the end.

    faults = check(operations, final)          # a sentence for each; none: all is as it was told

`final` is a Final: what was read when everything was healed and nothing was under way any more. Nothing is asked here
of a running system, so that a history that was kept can be checked again (test_checker.py has histories that are
wrong, one for each rule)."""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from record import final_line, operations as read_operations  # noqa: E402

TRANSFERS = {"transfer": ("bank_a", "bank_b"), "back": ("bank_b", "bank_a"), "deposit": (None, "bank_a"),
             "withdrawal": ("bank_a", None)}
CHECKOUTS = ("checkout", "saga")
SHOPS = ("inventory", "payments", "shipping", "mail")
OUTCOMES = {"committed", "aborted", "compensated"}  # `mixed` is never right here: nobody ends a branch by hand


@dataclasses.dataclass
class Final:
    transactions: dict  # gtid -> (label, key, outcome)
    balances: dict  # bank -> {account: balance}
    first: int  # of each account, at the beginning
    effects: dict = dataclasses.field(default_factory=dict)  # (gtid, shop) -> (actions, compensations)
    events: dict = dataclasses.field(default_factory=dict)  # gtid -> {(outcome, ce_id)}; None: not looked at
    till: dict = dataclasses.field(default_factory=dict)  # (gtid, branch) -> prepared, committed, aborted
    prepared: list = dataclasses.field(default_factory=list)  # names of what is left prepared

    def lines(self):
        """As JSON can have it: dicts as lists of pairs."""
        made = dataclasses.asdict(self)
        for name in ("transactions", "effects", "events", "till"):
            if made[name] is not None:
                made[name] = [[key, sorted(value) if name == "events" else value] for key, value in made[name].items()]
        made["balances"] = {bank: list(rows.items()) for bank, rows in self.balances.items()}
        return made

    @classmethod
    def of(cls, line):
        def pairs(name):
            return None if line[name] is None else {tuple(key) if isinstance(key, list) else key: tuple(value)
                                                    if isinstance(value, list) else value for key, value in line[name]}
        events = pairs("events")
        return cls(transactions=pairs("transactions"), first=line["first"], effects=pairs("effects"),
                   balances={bank: dict(rows) for bank, rows in line["balances"].items()}, till=pairs("till"),
                   events=events and {gtid: {tuple(said) for said in all_} for gtid, all_ in events.items()},
                   prepared=line["prepared"])


def ended(final):
    for name in final.prepared:
        yield f"{name} is left prepared"
    for gtid, (label, _, outcome) in final.transactions.items():
        if outcome not in OUTCOMES:
            yield f"{gtid} ({label}): its outcome is {outcome}"


def tells(operation):
    """(gtid, outcome) that an answer says for good; outcome None: it is under way. What has only begun, for an
    interactive client, is not said for good: a crash may forget it (protocol.md, section 2)."""
    answer = operation["answer"] if operation["kind"] == "ok" else {}
    good = operation["what"] == "start" or operation["status"] == 202 or answer.get("outcome")
    return (answer["gtid"], answer.get("outcome")) if good and answer.get("gtid") else None


def answers(operations, final):
    """An outcome that was told is the one that stands; what was accepted has one; "nothing was done" is true."""
    done = {label: gtid for gtid, (label, _, outcome) in final.transactions.items() if outcome == "committed"}
    tried = {}
    for operation in operations:
        label = operation.get("label")
        if operation["what"] in ("start", "begin"):
            tried[label] = tried.get(label, 0) + 1
    for operation in operations:
        said, who = tells(operation), f"{operation['client']}, {operation['what']} at {operation['asked_at']}"
        if said and said[0] not in final.transactions:
            yield f"{who}: {said[0]} was told ({operation['status']} {said[1]}) and is in no journal"
        elif said and said[1] is not None and final.transactions[said[0]][2] != said[1]:
            yield f"{who}: told {said[1]} of {said[0]}, which is {final.transactions[said[0]][2]}"
        if operation["kind"] == "fail" and tried.get(operation.get("label")) == 1 and operation["label"] in done:
            yield f"{who}: told that nothing was done ({operation['answer']}), and {done[operation['label']]} is there"


def words(operations):
    """An answer that nothing can be learnt from is none: it says that nothing was done, or of which transaction it
    speaks, or that this is not known."""
    for one in operations:
        said = (one["answer"] or {}).get("detail", "")
        unknown = "not known" in said or (one["answer"] or {}).get("type", "").endswith("/outcome-unknown")
        if one["what"] == "start" and one["kind"] == "unknown" and one["status"] is not None and \
                "gtid" not in one["answer"] and not unknown:
            yield f"{one['client']} at {one['asked_at']}: {one['status']} says nothing of what was done: {said or one}"


def order(operations):
    """What is asked behind an answer never says less than that answer did: an outcome, once told, is there for
    everybody, and what was told of is never "not found"."""
    told = {}  # gtid -> (when it was first told with an outcome, when it was first told of)
    ends = sorted((one for one in operations if tells(one)), key=lambda one: one["told_at"])
    for one in ends:
        gtid, outcome = tells(one)
        at = told.setdefault(gtid, [None, one["told_at"]])
        if outcome is not None and at[0] is None:
            at[0] = one["told_at"]
    for one in operations:
        if one["what"] != "look" or one["gtid"] not in told:
            continue
        outcome_at, known_at = told[one["gtid"]]
        if one["status"] == 404 and one["asked_at"] > known_at:
            yield f"{one['client']} at {one['asked_at']}: {one['gtid']} is not found, told of at {known_at}"
        if one["kind"] == "ok" and outcome_at is not None and one["asked_at"] > outcome_at and \
                one["answer"].get("outcome") is None:
            yield f"{one['client']} at {one['asked_at']}: {one['gtid']} has no outcome, which was told at {outcome_at}"


def keys(operations, final):
    """One key is one transaction."""
    gtids = {}
    for operation in operations:
        said = tells(operation)
        if operation.get("key") and operation["what"] == "start" and said:
            gtids.setdefault(operation["key"], set()).add(said[0])
    for gtid, (_, key, _) in final.transactions.items():
        if key:
            gtids.setdefault(key, set()).add(gtid)
    yield from (f"key {key} has {len(found)} transactions: {sorted(found)}"
                for key, found in gtids.items() if len(found) > 1)


def commits(operations, final):
    """Of an interactive transaction no two different commits are answered "committed"."""
    lists = {}
    for one in operations:
        if one["what"] == "commit" and tells(one) and tells(one)[1] == "committed":
            lists.setdefault(one["gtid"], set()).add(tuple(sorted(one["branches"])))
    for gtid, found in lists.items():
        if len(found) > 1:
            yield f"{gtid}: committed was answered to commits of {sorted(found)}"


def strangers(operations, final):
    asked = {one["label"] for one in operations if one["what"] in ("start", "begin")}
    yield from (f"{gtid} ({label}) is {outcome}, and nobody asked for it"
                for gtid, (label, _, outcome) in final.transactions.items() if label not in asked)


def money(operations, final):
    """Each account has what the committed transfers have made of it, and so nothing is lost or made."""
    asked = {one["label"]: one for one in operations if one["what"] == "start"}
    accounts = {bank: dict.fromkeys(rows, final.first) for bank, rows in final.balances.items()}
    for gtid, (label, _, outcome) in final.transactions.items():
        one = asked.get(label)
        if outcome != "committed" or one is None or one["definition"] not in TRANSFERS:
            continue
        source, target = TRANSFERS[one["definition"]]
        if source:
            accounts[source][one["input"]["from"]] -= one["input"]["amount"]
        if target:
            accounts[target][one["input"]["to"]] += one["input"]["amount"]
    for bank, rows in final.balances.items():
        for account, balance in rows.items():
            if balance != accounts[bank][account]:
                yield f"{bank}: account {account} has {balance}, the committed transfers make {accounts[bank][account]}"


def shops(operations, final):
    """Each action once where its transaction is committed, and undone as often as done where it is not."""
    asked = {one["label"]: one for one in operations if one["what"] == "start"}
    for (gtid, name), did in final.effects.items():
        if gtid not in final.transactions:
            yield f"{name} did {did} for {gtid}, which is in no journal"
        elif did != ((1, 0) if final.transactions[gtid][2] == "committed" else (1, 1)):
            yield f"{name} did {did} (actions, compensations) for {gtid}, which is {final.transactions[gtid][2]}"
    for gtid, (label, _, outcome) in final.transactions.items():
        one = asked.get(label)
        if outcome == "committed" and one is not None and one["definition"] in CHECKOUTS:
            for name in SHOPS:
                if (gtid, name) not in final.effects and (name != "mail" or one["input"]["email"] is not None):
                    yield f"{gtid} ({label}) is committed, and {name} did nothing"


def events(final):
    """One event for each outcome, however often it came, and one for everything that is committed."""
    for gtid, said in final.events.items():
        outcome = final.transactions.get(gtid, (None, None, None))[2]
        if {one for one, _ in said} != {outcome}:
            yield f"Kafka says {sorted(said)} of {gtid}, which is {outcome}"
        if len(said) != 1:
            yield f"Kafka has {len(said)} different events of {gtid}: {sorted(said)}"
    for gtid, (label, _, outcome) in final.transactions.items():
        if outcome == "committed" and gtid not in final.events:
            yield f"{gtid} ({label}) is committed, and Kafka has no event of it"


def till(operations, final):
    """Who was told that his enlistment counts heard the outcome."""
    for one in operations:
        if one["what"] != "enlist" or one["status"] not in (200, 201):
            continue
        place = (one["gtid"], one["branch"])
        outcome = final.transactions.get(one["gtid"], (None, None, None))[2]
        wanted = "committed" if outcome == "committed" else "aborted"
        if final.till.get(place) != wanted:
            yield f"{place} is {final.till.get(place)} at the till, and its transaction is {outcome}"


def check(operations, final):
    faults = [*ended(final), *answers(operations, final), *words(operations), *order(operations),
              *keys(operations, final), *commits(operations, final), *strangers(operations, final),
              *money(operations, final), *shops(operations, final), *till(operations, final)]
    if final.events is not None:
        faults += events(final)
    return faults


if __name__ == "__main__":
    found_ = check(read_operations(sys.argv[1]), Final.of(final_line(sys.argv[1])))
    print(*found_ or ["nothing was told otherwise than it is"], sep="\n")
    sys.exit(1 if found_ else 0)
