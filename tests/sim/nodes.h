/* nodes.h: processes, who waits at them, and their slots. Included by sim.h. */
#ifndef SIM_NODES_H
#define SIM_NODES_H

/* process.c */
bool process_may_end(const struct world *world);
void process_crash(struct world *world, uint32_t process);
void process_lose(struct world *world, uint32_t node);
uint32_t process_any(struct world *world);
uint32_t process_leads(const struct world *world, uint32_t process, uint32_t shard);
void process_on_request(struct world *world, const struct sim_event *event);
void process_on_passed(struct world *world, const struct sim_event *event);
void process_on_asked(struct world *world, const struct sim_event *event);
void process_on_crash(struct world *world, const struct sim_event *event);
void process_on_takeover(struct world *world, const struct sim_event *event);
void process_on_handover(struct world *world, const struct sim_event *event);
void process_on_leaves(struct world *world, const struct sim_event *event);
void process_on_drain(struct world *world, const struct sim_event *event);
void process_on_stop(struct world *world, const struct sim_event *event);

/* wait.c */
void wait_add(struct world *world, uint32_t node, uint32_t txn, const struct sim_event *request);
void wait_outcome(struct world *world, uint32_t node, uint32_t txn);
void wait_enlisted(struct live *live, uint32_t branch);
void wait_on_over(struct world *world, const struct sim_event *event);
void wait_stop(struct world *world, uint32_t node, bool fenced);

/* slots.c */
void sim_slots_start(const struct world *world, struct node *host);
void sim_slots_finish(struct node *host);
void sim_slots_reserve(struct world *world, uint32_t node, uint32_t txn, uint64_t mask);
void sim_slots_cancel(struct world *world, uint32_t node, uint32_t txn);
void sim_slots_release(struct world *world, uint32_t node, uint32_t txn, uint32_t index);
void sim_slots_voted(struct world *world, uint32_t node, uint32_t txn);
void sim_slots_run(struct world *world, uint32_t node);
void sim_slots_on_time(struct world *world, const struct sim_event *event);
void sim_slots_heard(struct world *world, uint32_t node, uint32_t participant);
void sim_slots_failed(struct world *world, uint32_t node, uint32_t participant);
bool sim_slots_down(const struct world *world, uint32_t node, uint32_t participant);
void sim_slots_on_probe(struct world *world, const struct sim_event *event);
void check_places(struct world *world, uint32_t node, uint32_t txn);

#endif
