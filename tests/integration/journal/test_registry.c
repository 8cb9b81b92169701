#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "suites.h"

struct entries {
    size_t count;
    char names[8][32];
    char bodies[8][64];
    uint32_t versions[8];
    bool hidden[8];
    bool ended;
    int error;
};

static void on_entry(void *arg, int error, const struct journal_entry *entry)
{
    struct entries *entries = arg;
    ck_assert(!entries->ended);
    if (entry == NULL) {
        entries->ended = true;
        entries->error = error;
        return;
    }
    snprintf(entries->names[entries->count], 32, "%.*s", (int)entry->name.len, entry->name.data);
    snprintf(entries->bodies[entries->count], 64, "%.*s", (int)entry->body.len, entry->body.data);
    ck_assert_uint_gt(entry->updated_at.us, 0);
    entries->hidden[entries->count] = entry->hidden;
    entries->versions[entries->count++] = entry->version;
}

static int put(struct world *world, struct node *node, enum journal_registry what, const char *name,
               uint32_t version, const char *body)
{
    struct journal_entry entry = {
        .what = what, .name = text_span(name), .version = version, .body = text_span(body)};
    struct entries entries = {0};
    journal_registry_put(node->journal, &entry, on_entry, &entries);
    world_wait(world, entries.ended);
    return entries.error;
}

static int drop(struct world *world, struct node *node, enum journal_registry what,
                const char *name, uint32_t version)
{
    struct entries entries = {0};
    journal_registry_delete(node->journal, what, text_span(name), version, on_entry, &entries);
    world_wait(world, entries.ended);
    return entries.error;
}

static int forget(struct world *world, struct node *node, const char *name, uint32_t version)
{
    struct entries entries = {0};
    journal_definition_forget(node->journal, text_span(name), version, on_entry, &entries);
    world_wait(world, entries.ended);
    return entries.error;
}

static struct entries load(struct world *world, struct node *node)
{
    struct entries entries = {0};
    journal_registry_load(node->journal, on_entry, &entries);
    world_wait(world, entries.ended);
    ck_assert_int_eq(entries.error, TROTH_OK);
    return entries;
}

/* A published definition never changes: another body under its version is refused, the same is not;
 * new versions stand beside the old. */
START_TEST(definitions_are_written_once)
{
    struct world world;
    struct node node;
    struct entries entries;
    world_init(&world, false);
    node_lead(&world, &node);
    ck_assert_uint_eq(load(&world, &node).count, 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":0.10}"), 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":0.10}"), 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":0.1}"),
                     TROTH_ERROR_EXISTS);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 2, "{\"a\":0.1}"), 0);
    entries = load(&world, &node);
    ck_assert_uint_eq(entries.count, 2);
    ck_assert_str_eq(entries.bodies[0], "{\"a\":0.10}");
    ck_assert_uint_eq(entries.versions[1], 2);
    world_finish(&world);
}
END_TEST

/* A deleted definition is hidden and its text stays, until nothing that has not ended runs it;
 * its version may be published anew. */
START_TEST(deleted_definitions_are_hidden)
{
    struct world world;
    struct node node;
    struct entries entries;
    world_init(&world, false);
    node_lead(&world, &node);
    ck_assert_uint_eq(load(&world, &node).count, 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{}"), 0);
    ck_assert_int_eq(forget(&world, &node, "transfer", 1), TROTH_ERROR_NOT_FOUND);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_DEFINITION, "transfer", 1), 0);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_DEFINITION, "transfer", 1), TROTH_ERROR_NOT_FOUND);
    entries = load(&world, &node);
    ck_assert_uint_eq(entries.count, 1);
    ck_assert(entries.hidden[0]);
    world_exec(&world, "insert into troth.txn (shard, gtid, epoch, attempt, protocol, mode, "
                       "interactive, accepted, state, began_at, definition, definition_version) "
                       "values (3, '00000000-0000-8003-8000-004000000001', 1, 1, 'saga', 'saga', "
                       "false, true, 'open', now(), 'transfer', 1)");
    ck_assert_int_eq(forget(&world, &node, "transfer", 1), TROTH_ERROR_NOT_FOUND);
    ck_assert_uint_eq(load(&world, &node).count, 1);
    world_exec(&world, "insert into troth.ended (gtid, shard, epoch, ended_at) select gtid, shard, "
                       "1, now() from troth.txn");
    ck_assert_int_eq(forget(&world, &node, "transfer", 1), 0);
    ck_assert_uint_eq(load(&world, &node).count, 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":1}"), 0);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_DEFINITION, "transfer", 1), 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":2}"), 0);
    entries = load(&world, &node);
    ck_assert(!entries.hidden[0]);
    ck_assert_str_eq(entries.bodies[0], "{\"a\":2}");
    world_finish(&world);
}
END_TEST

/* A change that continues from another reading of its own process than the last one is none: what a
 * lost connection had sent does not come in later. */
START_TEST(late_changes_are_none)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    ck_assert_uint_eq(load(&world, &node).count, 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0, "{}"), 0);
    world_exec(&world,
               "update troth.registry_reader set reading = reading + 1"); /* as a load does */
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0, "{\"slots\":2}"),
                     TROTH_ERROR_CONFLICT);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0), TROTH_ERROR_CONFLICT);
    ck_assert_str_eq(load(&world, &node).bodies[0], "{}");
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0, "{\"slots\":2}"), 0);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0), 0);
    world_finish(&world);
}
END_TEST

static void on_changed(void *arg, int error, bool changed)
{
    ck_assert_int_eq(error, 0);
    *(int *)arg = changed ? 1 : 0;
}

static bool has_changed(struct world *world, struct node *node)
{
    int answer = -1;
    journal_registry_look(node->journal, on_changed, &answer);
    while (answer < 0)
        world_turn(world);
    return answer == 1;
}

/* Who looks sees that another one has changed something, and not what it has done itself, unless
 * that was not alone; who has read it again sees nothing new. What changes nothing is no change. */
START_TEST(changes_of_others_are_seen)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    ck_assert_uint_eq(load(&world, &node).count, 0);
    ck_assert(!has_changed(&world, &node));
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0, "{}"), 0);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_PARTICIPANT, "bank_b", 0), TROTH_ERROR_NOT_FOUND);
    ck_assert(!has_changed(&world, &node));
    world_exec(&world, "update troth.registry set version = version + 1"); /* as another did */
    ck_assert(has_changed(&world, &node));
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_b", 0, "{}"), 0);
    ck_assert(has_changed(&world, &node)); /* still */
    ck_assert_uint_eq(load(&world, &node).count, 2);
    ck_assert(!has_changed(&world, &node));
    world_finish(&world);
}
END_TEST

/* While another node lives, a hidden definition's text is neither replaced nor forgotten: it may be
 * running there, and have no row yet. */
START_TEST(hidden_texts_stay_while_others_live)
{
    struct world world;
    struct node node;
    world_init(&world, false);
    node_lead(&world, &node);
    ck_assert_uint_eq(load(&world, &node).count, 0);
    world_exec(&world, "insert into troth.node (node, owner, live_until)"
                       " values ('other', gen_random_uuid(), now() + interval '1 hour')");
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":1}"), 0);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_DEFINITION, "transfer", 1), 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":2}"),
                     TROTH_ERROR_EXISTS);
    ck_assert_int_eq(forget(&world, &node, "transfer", 1), TROTH_ERROR_NOT_FOUND);
    world_exec(&world, "update troth.definition set deleted_at = now() - interval '2 minutes'");
    ck_assert_int_eq(put(&world, &node, JOURNAL_DEFINITION, "transfer", 1, "{\"a\":2}"), 0);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_DEFINITION, "transfer", 1), 0);
    world_exec(&world, "update troth.definition set deleted_at = now() - interval '2 minutes'");
    ck_assert_int_eq(forget(&world, &node, "transfer", 1), 0);
    world_finish(&world);
}
END_TEST

/* A participant's entry is replaced by the next one of its name. */
START_TEST(participants_are_replaced)
{
    struct world world;
    struct node node;
    struct entries entries;
    world_init(&world, false);
    node_lead(&world, &node);
    ck_assert_uint_eq(load(&world, &node).count, 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0, "{\"slots\":1}"), 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0, "{\"slots\":2}"), 0);
    ck_assert_int_eq(put(&world, &node, JOURNAL_PARTICIPANT, "bank_b", 0, "{}"), 0);
    entries = load(&world, &node);
    ck_assert_uint_eq(entries.count, 2);
    ck_assert_str_eq(entries.names[0], "bank_a");
    ck_assert_str_eq(entries.bodies[0], "{\"slots\":2}");
    ck_assert_int_eq(drop(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0), 0);
    ck_assert_int_eq(drop(&world, &node, JOURNAL_PARTICIPANT, "bank_a", 0), TROTH_ERROR_NOT_FOUND);
    world_finish(&world);
}
END_TEST

TCase *registry_tests(void)
{
    TCase *tests = tcase_create("registry");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, definitions_are_written_once);
    tcase_add_test(tests, deleted_definitions_are_hidden);
    tcase_add_test(tests, late_changes_are_none);
    tcase_add_test(tests, changes_of_others_are_seen);
    tcase_add_test(tests, hidden_texts_stay_while_others_live);
    tcase_add_test(tests, participants_are_replaced);
    return tests;
}
