/* mailbox.c: answers from any thread to the loop, which an eventfd wakes. Whoever has a task holds
 * the mailbox, so that an answer to a participant that has gone is dropped, and not lost memory. */
#include "mailbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "task.h"

struct mailbox {
    pthread_mutex_t lock;
    int fd;
    unsigned refs;
    bool closed;
    bool stop;
    struct troth_reply *first;
    struct troth_reply **last;
};

int mailbox_create(struct mailbox **ret_mailbox)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    if (mailbox == NULL)
        return TROTH_ERROR_NO_MEMORY;
    mailbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (mailbox->fd < 0) {
        free(mailbox);
        return TROTH_ERROR_SYSTEM;
    }
    (void)pthread_mutex_init(&mailbox->lock, NULL); /* never fails with default attributes */
    mailbox->refs = 1;
    mailbox->last = &mailbox->first;
    *ret_mailbox = mailbox;
    return 0;
}

struct mailbox *mailbox_hold(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    assert(mailbox->refs > 0);
    mailbox->refs++;
    pthread_mutex_unlock(&mailbox->lock);
    return mailbox;
}

void mailbox_release(struct mailbox *mailbox)
{
    unsigned left;
    if (mailbox == NULL)
        return;
    pthread_mutex_lock(&mailbox->lock);
    assert(mailbox->refs > 0);
    left = --mailbox->refs;
    pthread_mutex_unlock(&mailbox->lock);
    if (left == 0) {
        close(mailbox->fd);
        pthread_mutex_destroy(&mailbox->lock);
        free(mailbox);
    }
}

static struct troth_reply *take_all(struct mailbox *mailbox)
{
    struct troth_reply *all = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    return all;
}

struct troth_reply *mailbox_close(struct mailbox *mailbox)
{
    struct troth_reply *all;
    pthread_mutex_lock(&mailbox->lock);
    mailbox->closed = true;
    all = take_all(mailbox);
    pthread_mutex_unlock(&mailbox->lock);
    return all;
}

static void wake(const struct mailbox *mailbox)
{
    const uint64_t one = 1;
    /* It fails only when the counter is full: then the loop is woken already. */
    ssize_t written = write(mailbox->fd, &one, sizeof one);
    (void)written;
}

bool mailbox_post(struct mailbox *mailbox, struct troth_reply *reply)
{
    bool first;
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->closed) {
        pthread_mutex_unlock(&mailbox->lock);
        return false;
    }
    first = mailbox->first == NULL;
    reply->next = NULL;
    *mailbox->last = reply;
    mailbox->last = &reply->next;
    if (first) {
        /* Under the lock: once it is open, the loop may take the task and, with the task's hold,
         * the mailbox may be gone. */
        wake(mailbox);
    }
    pthread_mutex_unlock(&mailbox->lock);
    return true;
}

void mailbox_stop(struct mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    mailbox->stop = true;
    wake(mailbox);
    pthread_mutex_unlock(&mailbox->lock);
}

struct troth_reply *mailbox_take(struct mailbox *mailbox, bool *ret_stop)
{
    struct troth_reply *all;
    uint64_t count;
    /* Before the list is taken: a post after it wakes again. */
    ssize_t got = read(mailbox->fd, &count, sizeof count);

    (void)got;
    pthread_mutex_lock(&mailbox->lock);
    all = take_all(mailbox);
    *ret_stop = mailbox->stop;
    mailbox->stop = false;
    pthread_mutex_unlock(&mailbox->lock);
    return all;
}

int mailbox_fd(const struct mailbox *mailbox)
{
    return mailbox->fd;
}
