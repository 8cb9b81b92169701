/* view.h: a transaction as its clients see it. */
#ifndef API_VIEW_H
#define API_VIEW_H

#include <api/api.h>

#define TRANSACTION_PATH "/v1/transactions/"

enum view_detail {
    VIEW_BRIEF,
    VIEW_TIMELINE,
    VIEW_WHOLE /* with input and idempotency key, too */
};
void view_append(struct buffer *object, const struct api_view *view, enum view_detail detail);
/* One label as it stands among them, of two JSON strings: `"name":"value"`, always in the same
 * way. */
void label_append(struct buffer *text, struct troth_span name, struct troth_span value);

#endif
