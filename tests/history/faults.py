"""What is done to a World while clients work: each fault ends by itself, and heals what it did. Its name, with whom it
met, stands in the history."""

import http.client
import signal

SILENCE_SECONDS = 8  # behind reply_wait and the grace that follows it


class Faults:
    """next() does one at random; `only`: of these."""

    def __init__(self, run, random, only=()):
        self.run, self.world, self.random = run, run.world, random
        self.versions = {}
        self.all = [self.kill_node, self.kill_node, self.stop_node, self.pause_node, self.pause_past_lease,
                    self.stall_journal, self.stall_journal, self.silence_journal, self.drop_journal, self.cut_journal,
                    self.restart_journal, self.cut_participant, self.slow_participant, self.kill_participant,
                    self.pause_participant, self.kill_database, self.pause_kafka, self.trouble_at_the_till,
                    self.register_again, self.delete_participant, self.new_version]
        if self.world.paired:
            self.all += [self.fail_over_journal] * 3
        self.rare = [self.stop_kafka]
        if only:
            self.all = self.rare = [getattr(self, name) for name in only]

    def next(self):
        self.random.choice(self.rare if self.random.random() < 0.02 else self.all)()
        self.world.revive()

    def note(self, what, whom=""):
        self.run.history.fault(f"{what} {whom}".strip())

    def wait(self, most):
        self.run.over.wait(self.random.random() * most)

    # --- nodes

    def some_node(self, what):
        node = self.random.choice(self.world.nodes)
        self.note(what, node.name)
        return node

    def kill_node(self):
        self.some_node("kill").kill9()
        self.wait(1)

    def stop_node(self):
        node = self.some_node("stop")
        if not node.running():
            return
        node.signal(signal.SIGTERM)
        if self.random.random() < 0.5:
            self.wait(0.3)
            if node.running():
                node.signal(signal.SIGTERM)
        node.wait_end(60)

    def pause_node(self):
        node = self.some_node("pause")
        node.pause()
        self.wait(self.world.lease_seconds)
        node.resume()

    def pause_past_lease(self):
        """One that leads."""
        node = self.world.leader()
        if node is None:
            return
        self.note("pause past the lease", node.name)
        node.pause()
        self.run.over.wait(self.world.lease_seconds * 1.5 + 1)
        node.resume()

    # --- the journal

    def some_way(self, what):
        name = self.random.choice(list(self.world.to_journal))
        self.note(what, name)
        return self.world.to_journal[name]

    def direction(self):
        return self.random.choice(["request", "reply"])

    def stall_journal(self):
        way, direction = self.some_way("hold the journal from"), self.direction()
        for proxy in way:
            proxy.hold(direction)
        self.wait(3.5)
        if self.random.random() < 0.4:
            self.some_node("kill").kill9()
        for proxy in way:
            proxy.release()

    def silence_journal(self):
        """For longer than any client's answer can wait for it: he is told that it is not known."""
        self.note("silence the journal")
        proxies = [proxy for way in self.world.to_journal.values() for proxy in way]
        for proxy in proxies:
            proxy.hold("reply")
        self.run.over.wait(SILENCE_SECONDS)
        for proxy in proxies:
            proxy.release()

    def drop_journal(self):
        way, direction = self.some_way("lose answers of the journal to"), self.direction()
        for proxy in way:
            proxy.drop(direction)
        self.wait(1)
        for proxy in way:
            proxy.cut()

    def cut_journal(self):
        way = self.some_way("cut the journal from")
        for proxy in way:
            proxy.refuse()
        self.wait(self.world.lease_seconds * 2)
        for proxy in way:
            proxy.accept()

    def restart_journal(self):
        how = self.random.choice(["stop", "stop_at_once", "kill"])
        self.note(f"{how} the journal's database")
        getattr(self.world.journal, how)()
        self.wait(0.5)
        self.world.journal.start()
        if self.world.paired:
            self.world.pair.primary.commit_with(self.world.pair.standby)

    def fail_over_journal(self):
        """The primary dies, its synchronous standby takes over, a new standby is made."""
        pair = self.world.pair
        how = self.random.choice(["stop", "stop_at_once", "kill"])
        self.note(f"fail over the journal: {how}")
        getattr(pair.primary, how)()
        pair.promote()
        self.wait(2)
        pair.rejoin()

    # --- participants, their database, Kafka

    def some_participant(self, what):
        process = self.random.choice(self.world.participants)
        self.note(what, process.name)
        return process

    def some_proxy(self, what):
        name = self.random.choice(list(self.world.to))
        self.note(what, name)
        return self.world.to[name]

    def cut_participant(self):
        proxy = self.some_proxy("cut")
        if self.random.random() < 0.5:
            proxy.drop("reply")
            self.wait(1)
        proxy.refuse()
        self.wait(1.5)
        proxy.accept()

    def slow_participant(self):
        proxy = self.some_proxy("slow down")
        proxy.stall(0.3, 1.8)
        self.wait(3)
        proxy.stall(0, 0)

    def kill_participant(self):
        self.some_participant("kill").kill9()
        self.wait(1)

    def pause_participant(self):
        process = self.some_participant("pause")
        process.pause()
        self.wait(3)
        process.resume()

    def kill_database(self):
        self.note("kill the participants' database")
        self.world.postgres.kill()
        self.wait(0.5)
        self.world.postgres.start()

    def pause_kafka(self):
        self.note("pause Kafka")
        self.world.kafka.signal(signal.SIGSTOP)
        self.wait(4)
        self.world.kafka.signal(signal.SIGCONT)

    def stop_kafka(self):
        self.note("stop Kafka")
        self.world.kafka.stop()
        self.wait(2)
        self.world.kafka.start()

    def trouble_at_the_till(self):
        self.note("trouble at the till")
        self.run.till.trouble = 0.5
        self.wait(2)
        self.run.till.trouble = 0.02

    # --- what is registered

    def ask_leader(self, what):
        leader = self.world.leader()
        try:
            return leader and what(leader)
        except (OSError, http.client.HTTPException):
            return None

    def to_participant(self, name):
        return self.ask_leader(lambda node: self.world.registered(node, name))

    def register_again(self):
        name = self.random.choice(list(self.world.to))
        self.note("register again", name)
        self.to_participant(name)

    def delete_participant(self):
        name = self.random.choice(list(self.world.to))
        self.note("delete", name)
        self.ask_leader(lambda node: node.delete(f"/v1/participants/{name}"))
        self.wait(0.3)
        self.to_participant(name)

    def new_version(self):
        definition = self.random.choice(list(self.run.definitions.values()))
        name = definition["name"]
        old = self.versions.get(name, 1)
        self.note("new version", name)
        reply = self.ask_leader(lambda node: node.apply({**definition, "version": old + 1}))
        if reply is not None and reply.status in (200, 201):
            self.versions[name] = old + 1
            self.ask_leader(lambda node: node.delete(f"/v1/definitions/{name}?version={old}"))

    # --- the end

    def heal(self):
        self.run.till.trouble = 0
        for proxy in [*self.world.to.values(), *(proxy for way in self.world.to_journal.values() for proxy in way)]:
            proxy.stall(0, 0)
            proxy.release()
            proxy.accept()
        for process in self.world.processes:
            if process.running():
                process.resume()
        self.world.revive()
