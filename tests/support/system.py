"""The whole of Troth for a test: a journal, banks over databases of their own, trothd, Kafka if wanted.

    system = System(kafka=True).start()
    system.transfer(1, 2, 50)            # bank_a's account 1 -> bank_b's account 2
    system.proxies["bank_b"].drop("reply")

Between trothd and each bank, and between trothd and its journal, stands a TCP proxy, so that a test can cut, hold or
drop. A bank asks the coordinator directly.
"""

import json
import os
import secrets

import openapi_check
from troth_test import Bank, Kafka, Postgres, Trothd, TcpProxy, ROOT, run_folder, wait_until

DEFINITIONS = ROOT / "participant-sdk" / "examples" / "definitions"
DRAIN_SECONDS_MAX = int(os.environ.get("TROTH_DRAIN_SECONDS", "60"))
BALANCE = 1000


class CheckedTrothd(Trothd):
    """Every answer is held against the OpenAPI file that the daemon serves."""

    def call(self, method, path, body=None, headers=None, timeout=60):
        reply = super().call(method, path, body, headers, timeout)
        openapi_check.check(method, path, reply.status, reply.body)
        return reply


class System:
    def __init__(self, kafka=False, accounts=100, banks=("bank_a", "bank_b"), binding="batch", bank_options=None,
                 tokens=False, **options):
        """tokens: banks ask for one, and so believe what is said of the oldest open transactions."""
        self.accounts = accounts
        self.names = banks
        self.binding = binding
        self.bank_options = bank_options or {}
        self.options = options
        self.folder = run_folder()
        self.tokens = self.folder.path / "tokens" if tokens else None
        self.kafka = self.folder.start(Kafka()) if kafka else None
        self.proxies = {}
        self.banks = {}

    def start_postgres(self):
        """The participants' cluster: self.postgres."""
        self.postgres = self.folder.start(Postgres("postgres"))

    def bank_database(self, name):
        """Made anew; its conninfo."""
        return self.postgres.database(name)

    def start_journal(self):
        """In the participants' cluster, behind a proxy. Its conninfo; self.journal is the cluster."""
        self.journal = self.postgres
        self.journal.database("journal")
        self.proxies["journal"] = TcpProxy(self.journal.port)
        return self.journal.to("journal", self.proxies["journal"].port)

    def start(self):
        self.start_postgres()
        options = {"journal": self.start_journal(), "log_level": "debug", "retry_interval": "50ms",
                   "retry_interval_max": "500ms", "call_timeout": "2s", **self.options}
        if self.kafka:
            options["kafka_brokers"] = self.kafka.brokers
        if self.tokens:
            self.tokens.mkdir()
            options["participant_tokens"] = self.tokens
        self.trothd = CheckedTrothd(**options)
        self.trothd.migrate()
        self.folder.start(self.trothd)
        openapi_check.load(self.trothd.url, self.trothd.tls and self.trothd.tls.context())
        assert self.trothd.apply(DEFINITIONS / "transfer.json").status == 201
        for name in self.names:
            self.add_bank(name, self.binding)
        return self

    def add_bank(self, name, binding="batch"):
        if self.tokens:
            token = self.tokens / f"{name}.token"
            token.write_text(f"{secrets.token_urlsafe(32)}\n")
            self.bank_options = {**self.bank_options, "token_file": token}
            self.trothd.token_files[name] = token.name
        bank = Bank(name, self.bank_database(name), self.trothd.url, accounts=self.accounts, balance=BALANCE,
                    **self.bank_options)
        self.banks[name] = self.folder.start(bank)
        self.proxies[name] = TcpProxy(bank.port)
        reply = self.trothd.register(name, f"{bank.scheme}://127.0.0.1:{self.proxies[name].port}/", binding)
        assert reply.status in (200, 201), reply

    # --- what tests do

    def transfer(self, source, target, amount, definition="transfer", **options):
        return self.trothd.submit(definition, {"from": source, "to": target, "amount": amount}, **options)

    def begin(self, source, target, amount, **options):
        """Does not wait; returns the gtid."""
        reply = self.transfer(source, target, amount, prefer="respond-async", **options)
        assert reply.status == 202, reply
        return reply.json["gtid"]

    # --- what must hold

    def balance(self, bank, account):
        return self.postgres.value(bank, "select balance from account where id = %s", (account,))

    def total(self):
        return sum(self.postgres.value(name, "select sum(balance) from account") for name in self.names)

    def decision(self, gtid):
        rows = self.journal.query("journal", "select decision from troth.decided where gtid = %s", (gtid,))
        assert len(rows) <= 1, rows
        return rows[0][0] if rows else None

    def drained(self, seconds=DRAIN_SECONDS_MAX):
        """No prepared transaction of ours, no open transaction, no event waiting."""
        wait_until(lambda: not self.postgres.prepared(), seconds, "no prepared transaction is left")
        wait_until(lambda: self.trothd.get("/readyz").json["open_transactions"] == 0, seconds,
                   "no transaction is open")
        wait_until(lambda: self.journal.value(
            "journal", "select count(*) from troth.transaction where state <> 'ended'") == 0, seconds,
            "the journal agrees")
        if self.kafka:
            wait_until(lambda: self.journal.value("journal", "select count(*) from troth.outbox") == 0, seconds,
                       "the outbox is empty")

    def events(self, topic="troth.outcomes"):
        """Every event of the topic by gtid: a list each, in order. Every one is checked for its form."""
        events = {}
        for event in self.kafka.consume(topic):
            headers, payload = event["headers"], json.loads(event["payload"])
            assert headers["ce_specversion"] == "1.0", headers
            assert headers["content-type"] == "application/json", headers
            assert headers["ce_type"] == f"dev.troth.transaction.{payload['outcome']}.v1", (headers, payload)
            assert headers["ce_subject"] == payload["gtid"], (headers, payload)
            events.setdefault(payload["gtid"], []).append(event)
        return events
