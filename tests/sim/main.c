/* main.c: many histories, one by one; a failing seed prints the command that replays it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "shrink.h"
#include "sim.h"

#define SEEDS_DEFAULT 2000u

struct options {
    const char *program;
    uint64_t first;
    uint64_t seeds;
    bool trace, bites, replays, shrinks;
    enum mutation mutation;
};

struct tally {
    uint64_t histories, steps, txns, committed, aborted, restarts, attempts, delegated;
    uint64_t sagas, compensated, fell_back;
    uint64_t calm, longest_us;
    uint64_t handovers, passed, shared, losses, lost;
};

static struct txn_effects effects;
static struct buffer texts;
static uint64_t pairs[2][TXN_STATE_COUNT][TXN_EVENT_COUNT];

static void run_in(struct world *world, uint64_t seed, enum mutation mutation, bool trace)
{
    world->seed = seed;
    world->mutation = mutation;
    world->trace = trace;
    world->effects = &effects;
    world->pairs = pairs;
    world->digest = UINT64_C(0xcbf29ce484222325);
    effects.texts = &texts;
    world_run(world);
}

static bool run(const struct options *options, uint64_t seed, enum mutation mutation,
                struct tally *tally, uint64_t *ret_digest)
{
    struct world *world = calloc(1, sizeof(*world));
    if (world == NULL)
        abort();
    run_in(world, seed, mutation, options->trace);
    if (world->failed && !options->bites) {
        printf("seed %llu: %s\n  replay: %s --seed %llu", (unsigned long long)seed, world->why,
               options->program, (unsigned long long)seed);
        if (mutation != MUTATE_NOTHING)
            printf(" --mutate %s", mutation_name(mutation));
        printf(" --trace (or --shrink)\n");
    }
    tally->histories++;
    tally->steps += world->steps;
    tally->txns += world->txns_count;
    tally->restarts += world->nodes_count - world->shards_count;
    for (uint32_t t = 0; t < world->txns_count; t++) {
        enum txn_decision final = final_decision(&world->txns[t]);
        tally->committed += final == TXN_COMMIT;
        tally->aborted += final == TXN_ABORT;
        tally->attempts += world->txns[t].attempt > 1;
        tally->sagas += world->txns[t].plan.mode == TXN_MODE_SAGA;
        tally->compensated += world->txns[t].outcome == TXN_OUTCOME_COMPENSATED;
        tally->fell_back += world->txns[t].plan.mode == TXN_MODE_2PC_THEN_SAGA &&
                            world->txns[t].protocol == TXN_PROTOCOL_SAGA;
        tally->delegated += world->txns[t].delegated != 0;
    }
    tally->calm += world->calm;
    tally->handovers += world->handovers;
    tally->passed += world->passed;
    tally->losses += world->losses;
    for (uint32_t t = 0; t < world->txns_count; t++)
        tally->lost += world->txns[t].loss.lost;
    tally->shared += world->shards_count > 1;
    if (world->longest_us > tally->longest_us)
        tally->longest_us = world->longest_us;
    bool failed = world->failed;
    *ret_digest = world->digest;
    free(world);
    return !failed;
}

static void report_unseen(enum txn_state state, bool parked)
{
    const char *before = "";
    for (uint32_t e = 0; e < TXN_EVENT_COUNT; e++) {
        if (pairs[parked][state][e] != 0)
            continue;
        if (before[0] == '\0')
            printf("  not in %s%s: ", txn_state_name(state), parked ? ", parked" : "");
        printf("%s%s", before, txn_event_kind_name((enum txn_event_kind)e));
        before = ", ";
    }
    if (before[0] != '\0')
        printf("\n");
}

/* How much of the core's table these histories came through, and what they did not. */
static uint32_t seen_in(uint32_t state, bool parked)
{
    uint32_t seen = 0;
    for (uint32_t e = 0; e < TXN_EVENT_COUNT; e++)
        seen += pairs[parked][state][e] > 0;
    return seen;
}

static void report_pairs(void)
{
    uint32_t seen = 0, parked = 0, may_be_parked = 0;
    for (uint32_t s = 0; s < TXN_STATE_COUNT; s++) {
        seen += seen_in(s, false);
        parked += seen_in(s, true);
        may_be_parked += seen_in(s, true) > 0;
    }
    printf("%u of %u pairs of state and event seen, %u of %u while it is parked\n", seen,
           (uint32_t)TXN_STATE_COUNT * (uint32_t)TXN_EVENT_COUNT, parked,
           may_be_parked * (uint32_t)TXN_EVENT_COUNT);
    for (uint32_t s = 0; s < TXN_STATE_COUNT; s++) {
        report_unseen((enum txn_state)s, false);
        if (seen_in(s, true) > 0)
            report_unseen((enum txn_state)s, true);
    }
}

static void report(const struct tally *tally)
{
    if (tally->histories > 1)
        report_pairs();
    printf("%llu histories, %llu events, %llu transactions: %llu committed, %llu aborted, %llu "
           "with further attempts, %llu delegated; %llu sagas, %llu fell back, %llu compensated; "
           "%llu takeovers\n",
           (unsigned long long)tally->histories, (unsigned long long)tally->steps,
           (unsigned long long)tally->txns, (unsigned long long)tally->committed,
           (unsigned long long)tally->aborted, (unsigned long long)tally->attempts,
           (unsigned long long)tally->delegated, (unsigned long long)tally->sagas,
           (unsigned long long)tally->fell_back, (unsigned long long)tally->compensated,
           (unsigned long long)tally->restarts);
    printf("%llu histories of several shards, %llu handovers, %llu requests passed on; "
           "%llu journals went back, and %llu transactions with them\n",
           (unsigned long long)tally->shared, (unsigned long long)tally->handovers,
           (unsigned long long)tally->passed, (unsigned long long)tally->losses,
           (unsigned long long)tally->lost);
    printf("%llu histories in which nothing goes wrong: the longest commit took %llu ms\n",
           (unsigned long long)tally->calm, (unsigned long long)tally->longest_us / 1000);
}

/* Each mutation must be caught within the seeds that pass without it. */
static int bites(const struct options *options)
{
    int missed = 0;
    for (enum mutation m = MUTATE_NOTHING + 1; m < MUTATE_COUNT; m++) {
        struct tally tally = {0};
        uint64_t digest;
        uint64_t seed = options->first;
        while (seed < options->first + options->seeds && run(options, seed, m, &tally, &digest))
            seed++;
        bool caught = seed < options->first + options->seeds;
        if (caught)
            printf("%-22s caught by seed %llu\n", mutation_name(m), (unsigned long long)seed);
        else
            printf("%-22s NOT CAUGHT in %llu seeds\n", mutation_name(m),
                   (unsigned long long)options->seeds);
        missed += !caught;
    }
    return missed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int replays(const struct options *options)
{
    struct tally tally = {0};
    for (uint64_t seed = options->first; seed < options->first + options->seeds; seed++) {
        uint64_t first, second;
        if (!run(options, seed, options->mutation, &tally, &first) ||
            !run(options, seed, options->mutation, &tally, &second) || first != second) {
            printf("seed %llu: two runs differ\n", (unsigned long long)seed);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

static void shrink_run(void *arg, struct world *world)
{
    const struct options *options = arg;
    run_in(world, options->first, options->mutation, options->trace && !options->shrinks);
}

static void shrink_told(void *arg)
{
    struct options *options = arg;
    options->shrinks = false;
}

static int shrinks(struct options *options)
{
    return shrink_history(&(struct shrink){
        .seed = options->first, .run = shrink_run, .told = shrink_told, .arg = options});
}

static int histories(const struct options *options)
{
    struct tally tally = {0};
    uint32_t failed = 0;
    for (uint64_t seed = options->first; seed < options->first + options->seeds; seed++) {
        uint64_t digest;
        if (!run(options, seed, options->mutation, &tally, &digest) && ++failed == 10)
            break;
    }
    report(&tally);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--seed N] [--seeds N] [--fresh] [--trace] [--mutate NAME] [--bites]\n"
            "          [--replays] [--shrink]\n"
            "  --seed N       one history; with --seeds the first of them\n"
            "  --seeds N      so many histories (%u)\n"
            "  --fresh        seeds that nobody has seen before\n"
            "  --mutate NAME  with a protection switched off: it should fail\n"
            "  --bites        every mutation must be caught within --seeds\n"
            "  --replays      a seed run twice must give the same trace\n"
            "  --shrink       with --seed: that failing history, with as little going wrong as\n"
            "                 it needs; --trace shows what is left\n",
            program, SEEDS_DEFAULT);
    for (enum mutation m = MUTATE_NOTHING + 1; m < MUTATE_COUNT; m++)
        fprintf(stderr, "    %s\n", mutation_name(m));
    return 2;
}

static uint64_t fresh_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        abort();
    return seed >> 16;
}

static bool parse(int argc, char **argv, struct options *options)
{
    bool one = false, many = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--trace") == 0) {
            options->trace = true;
        } else if (strcmp(argv[i], "--bites") == 0) {
            options->bites = true;
        } else if (strcmp(argv[i], "--shrink") == 0) {
            options->shrinks = true;
        } else if (strcmp(argv[i], "--replays") == 0) {
            options->replays = true;
        } else if (strcmp(argv[i], "--fresh") == 0) {
            options->first = fresh_seed();
        } else if (strcmp(argv[i], "--seed") == 0 && value != NULL) {
            options->first = strtoull(argv[++i], NULL, 10);
            one = true;
        } else if (strcmp(argv[i], "--seeds") == 0 && value != NULL) {
            options->seeds = strtoull(argv[++i], NULL, 10);
            many = true;
        } else if (strcmp(argv[i], "--mutate") != 0 || value == NULL ||
                   !mutation_parse(argv[++i], &options->mutation)) {
            return false;
        }
    }
    if (one && !many)
        options->seeds = 1;
    return true;
}

int main(int argc, char **argv)
{
    struct options options = {.program = argv[0], .first = 1, .seeds = SEEDS_DEFAULT};
    if (!parse(argc, argv, &options))
        return usage(argv[0]);
    if (!buffer_reserve(&texts, TXN_TEXTS_BYTES_MAX))
        abort();
    int code = options.shrinks   ? shrinks(&options)
               : options.bites   ? bites(&options)
               : options.replays ? replays(&options)
                                 : histories(&options);
    buffer_finish(&texts);
    return code;
}
