/* references.h: what the expressions name. Private to the definition module. */
#ifndef DEFINITION_REFERENCES_H
#define DEFINITION_REFERENCES_H

#include "draft.h"

/* What the templates name: needs, input_needs. Before parse_order() in mode 2pc, where the needs
 * make the order; whether what is named comes before is checked by parse_references(). */
void parse_needs(struct parse *parse);
void parse_references(struct parse *parse);

#endif
