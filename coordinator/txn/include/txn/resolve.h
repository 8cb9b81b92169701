/* txn/resolve.h: what an operator may say of a branch (by_hand.c, protocol.md section 8). */
#ifndef TXN_RESOLVE_H
#define TXN_RESOLVE_H

#include <txn/txn.h>

/* May it be said? Asked before the event, and once more inside it. */
enum txn_resolve {
    TXN_RESOLVE_MAY,
    TXN_RESOLVE_SAID,         /* the same word counts already, or is on its way */
    TXN_RESOLVE_OTHER_SAID,   /* another one: a word is said once */
    TXN_RESOLVE_NO_BRANCH,    /* there is no branch of that number */
    TXN_RESOLVE_ANSWERED,     /* the branch itself has said how it ended: its state */
    TXN_RESOLVE_NOT_YET,      /* nothing is decided, or its turn has not come: it can be aborted */
    TXN_RESOLVE_WRITING,      /* something is on its way to the journal: in a moment */
    TXN_RESOLVE_WRONG_WORD,   /* no word for what the transaction does now */
    TXN_RESOLVE_ONLY_EARLIER, /* only an abort of an earlier attempt is open there: retry, forget */
    /* Unsafe: only with force. */
    TXN_RESOLVE_CONTRARY, /* otherwise than decided: the outcome is mixed */
    TXN_RESOLVE_MAY_ACT   /* the branch may still be doing what it was told, and answer itself */
};
enum txn_resolve txn_resolve_check(const struct txn *txn, uint32_t number, enum txn_word word,
                                   bool force);
/* Bit i: about branches[i] a word may be said now, with or without force. */
uint64_t txn_resolvable(const struct txn *txn);

enum txn_forget {
    TXN_FORGET_MAY,
    TXN_FORGET_SAID,    /* it is on its way */
    TXN_FORGET_NOTHING, /* nothing is owed to anybody: it ends by itself, or has */
    TXN_FORGET_OPEN,    /* a branch has not ended, as its own answer or an operator's word has it */
    TXN_FORGET_WRITING, /* its outcome is on its way to the journal: in a moment */
    /* Unsafe: only with force. */
    TXN_FORGET_DOUBTFUL,  /* nobody knows how it ended: it would be aborted */
    TXN_FORGET_CANNOT_ASK /* unsafe: one of them cannot ask what became of it: only with force */
};
enum txn_forget txn_forget_check(const struct txn *txn, bool force);
/* Bit i: what is owed to branches[i] is told until it answers: nothing else waits for that. */
uint64_t txn_owed(const struct txn *txn);

const char *txn_word_name(enum txn_word word); /* "committed", "aborted", "compensated" */
/* {"as":"committed","by":"alice","reason":"…","at":"…","forced":true}: who, why, when. WORD_NONE:
 * without "as". */
void txn_word_append(struct buffer *object, enum txn_word word, struct troth_span by,
                     struct troth_span reason, bool forced, struct wall at);

#endif
