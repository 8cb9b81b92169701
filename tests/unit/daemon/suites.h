#ifndef UNIT_DAEMON_SUITES_H
#define UNIT_DAEMON_SUITES_H

#include <check.h>

Suite *suite_config(void);
Suite *suite_entry(void);
Suite *suite_arena(void);
Suite *suite_watch(void);
Suite *suite_metrics(void);
Suite *suite_listing(void);
Suite *suite_waiting(void);
Suite *suite_learn(void);
Suite *suite_gate(void);
Suite *suite_admission(void);
Suite *suite_seats(void);
Suite *suite_room(void);
Suite *suite_driving(void);
Suite *suite_asking(void);
Suite *suite_recovery(void);
Suite *suite_commanding(void);
Suite *suite_settling(void);
Suite *suite_neighbours(void);

#endif
