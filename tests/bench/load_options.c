/* load_options.c: the command line of bench_load. */
#include "load_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "bench_load --port PORT… --clients N (--seconds S [--warm-up S] | --count N) [--rate R]\n"
    "           (--get PATH | --definition NAME [--input JSON] [--reply LEVEL]\n"
    "            [--outcome WORD] [--step-state WORD] [--accounts N] [--hot-a N] [--hot-b N])\n"
    "           [--refusals] [--told FILE]\n"
    "           [--tls-certificate FILE --tls-key FILE --tls-ca FILE]\n";

static void refuse(const char *name, const char *text)
{
    (void)fprintf(stderr, "bench_load: --%s: \"%s\" is out of its range\n%s", name, text, usage);
    exit(2);
}

static double number(const struct option *option, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        refuse(option->name, text);
    return value;
}

enum { WINDOW_S_MAX = 7200, ACCOUNTS_MAX = 10000000 };

static const struct option names[] = {{"port", required_argument, NULL, 'p'},
                                      {"clients", required_argument, NULL, 'c'},
                                      {"warm-up", required_argument, NULL, 'w'},
                                      {"seconds", required_argument, NULL, 's'},
                                      {"count", required_argument, NULL, 'n'},
                                      {"rate", required_argument, NULL, 'r'},
                                      {"get", required_argument, NULL, 'g'},
                                      {"definition", required_argument, NULL, 'd'},
                                      {"input", required_argument, NULL, 'i'},
                                      {"reply", required_argument, NULL, 'l'},
                                      {"outcome", required_argument, NULL, 'o'},
                                      {"step-state", required_argument, NULL, 't'},
                                      {"accounts", required_argument, NULL, 'a'},
                                      {"hot-a", required_argument, NULL, 'A'},
                                      {"hot-b", required_argument, NULL, 'B'},
                                      {"refusals", no_argument, NULL, 'f'},
                                      {"tls-certificate", required_argument, NULL, 'C'},
                                      {"tls-key", required_argument, NULL, 'K'},
                                      {"tls-ca", required_argument, NULL, 'H'},
                                      {"told", required_argument, NULL, 'T'},
                                      {NULL, 0, NULL, 0}};

static void take(struct load_options *options, const struct option *option, const char *text)
{
    switch (option->val) {
    case 'p':
        if (options->port_count == LOAD_PORTS_MAX)
            refuse(option->name, text);
        options->ports[options->port_count++] = (uint16_t)number(option, text, 1, UINT16_MAX);
        break;
    case 'c':
        options->clients = (uint32_t)number(option, text, 1, LOAD_CLIENTS_MAX);
        break;
    case 'w':
        options->warm_up_us = (uint64_t)(number(option, text, 0, WINDOW_S_MAX) * 1e6);
        break;
    case 's':
        options->window_us = (uint64_t)(number(option, text, 0.1, WINDOW_S_MAX) * 1e6);
        break;
    case 'n':
        options->count = (uint64_t)number(option, text, 1, 1e9);
        break;
    case 'r':
        options->rate = number(option, text, 0.1, 1e6);
        break;
    case 'a':
        options->accounts = (uint32_t)number(option, text, 1, ACCOUNTS_MAX);
        break;
    case 'A':
        options->hot[0] = (uint32_t)number(option, text, 0, ACCOUNTS_MAX);
        break;
    case 'B':
        options->hot[1] = (uint32_t)number(option, text, 0, ACCOUNTS_MAX);
        break;
    case 'f':
        options->refusals = true;
        break;
    default:
        *(option->val == 'g'   ? &options->get
          : option->val == 'd' ? &options->definition
          : option->val == 'i' ? &options->input
          : option->val == 'l' ? &options->reply
          : option->val == 'o' ? &options->outcome
          : option->val == 't' ? &options->step_state
          : option->val == 'C' ? &options->tls_certificate
          : option->val == 'K' ? &options->tls_key
          : option->val == 'H' ? &options->tls_ca
                               : &options->told) = text;
    }
}

void load_options_read(struct load_options *options, int argc, char **argv)
{
    int index = 0, found;
    *options = (struct load_options){.clients = 1,
                                     .input = "{}",
                                     .reply = "completed",
                                     .outcome = "committed",
                                     .step_state = "",
                                     .accounts = 1};
    while ((found = getopt_long(argc, argv, "", names, &index)) != -1) {
        if (found == '?') {
            (void)fputs(usage, stderr);
            exit(2);
        }
        take(options, &names[index], optarg);
    }
    bool bounded = (options->window_us != 0) != (options->count != 0);
    if (optind != argc || options->port_count == 0 || !bounded ||
        (options->get == NULL) == (options->definition == NULL) ||
        (options->tls_certificate == NULL) != (options->tls_key == NULL) ||
        (options->tls_certificate == NULL) != (options->tls_ca == NULL)) {
        (void)fputs(usage, stderr);
        exit(2);
    }
}
