/* scan.h: branches left prepared are looked for. Loop thread. */
#ifndef SDK_SCAN_H
#define SDK_SCAN_H

#include <troth/error.h>

struct event_base;
struct scan;
struct troth_postgres;

TROTH_MUST_CHECK int scan_create(struct troth_postgres *postgres, struct scan **ret_scan);
void scan_attached(struct scan *scan, struct event_base *base);
void scan_now(struct scan *scan);   /* all ages */
void scan_leave(struct scan *scan); /* the loop, and keeps what a thread may still use */
void scan_destroy(struct scan *scan);

#endif
