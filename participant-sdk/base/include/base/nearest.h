/* base/nearest.h: the right name that somebody most likely meant. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

/* The nearest of `names` (NULL-terminated) to a wrong one, or NULL when none is near. Letter case
 * and the kind of dash cost nothing. */
const char *name_nearest(const char *wrong, const char *const *names);

#endif
