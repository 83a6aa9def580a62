// Enough of Criterion for our tests where it does not start: under ThreadSanitizer.  Each test is a
// process of its own, one after the other; its last line says how many failed.
#ifndef CRITERION_H
#define CRITERION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct PlainTest {
    const char *suite, *name;
    void (*run)(void), (*init)(void), (*fini)(void);
    double timeout;
    int exit_code;
    struct PlainTest *next;
} PlainTest;

static PlainTest *plain_tests, **plain_last = &plain_tests;
static bool plain_failed;

#define Test(suite_, name_, ...)                                                     \
    static void plain_run_##suite_##_##name_(void);                                  \
    __attribute__((constructor)) static void plain_add_##suite_##_##name_(void)      \
    {                                                                                \
        static PlainTest test = { .suite = #suite_, .name = #name_, ##__VA_ARGS__ }; \
        test.run = plain_run_##suite_##_##name_;                                     \
        *plain_last = &test;                                                         \
        plain_last = &test.next;                                                     \
    }                                                                                \
    static void plain_run_##suite_##_##name_(void)

#define plain_check(ends, ok, text, ...)                                       \
    do {                                                                       \
        if (!(ok)) {                                                           \
            fprintf(stderr, "%s:%d: %s is false. ", __FILE__, __LINE__, text); \
            fprintf(stderr, " " __VA_ARGS__);                                  \
            fputc('\n', stderr);                                               \
            plain_failed = true;                                               \
            if (ends)                                                          \
                exit(99);                                                      \
        }                                                                      \
    } while (0)

#define cr_expect(ok, ...) plain_check(false, ok, #ok, __VA_ARGS__)
#define cr_expect_eq(a, b, ...) cr_expect((a) == (b), __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) cr_expect(memcmp(a, b, n) == 0, __VA_ARGS__)
#define cr_assert(ok, ...) plain_check(true, ok, #ok, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b), __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) cr_assert(memcmp(a, b, n) == 0, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp(a, b) == 0, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b), __VA_ARGS__)
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b), __VA_ARGS__)
#define cr_assert_not(a, ...) cr_assert(!(a), __VA_ARGS__)
#define cr_assert_null(a, ...) cr_assert((a) == NULL, __VA_ARGS__)
#define cr_assert_not_null(a, ...) cr_assert((a) != NULL, __VA_ARGS__)

static inline void cr_redirect_stderr(void)
{
}

// ThreadSanitizer gives a process with a race another exit status, at its exit.
static inline bool plain_passes(const PlainTest *t)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (t->init)
            t->init();
        t->run();
        if (t->fini)
            t->fini();
        exit(plain_failed ? 99 : 0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == t->exit_code;
}

int main(void)
{
    int run = 0, failed = 0;
    for (const PlainTest *t = plain_tests; t; t = t->next, run++)
        if (!plain_passes(t)) {
            printf("FAILED: %s::%s\n", t->suite, t->name);
            failed++;
        }
    printf("%d tests, %d failed\n", run, failed);
    return failed > 0;
}

#endif
