// 08b: KVOptions.window, a cache that holds the newest `window` tokens only.
#include "generate.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 64, V_MAX = 128 };

typedef struct {
    Weights w;
    Config c;
    Model m;
    int ids[TEXT];
    float want[TEXT][V_MAX];  // logits after each token
} Subject;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

// By definition: a cache with room for all tokens, of which each row sees the newest ones.
static void define(Subject *u, int window)
{
    State s;
    KVCache k;
    KVOptions o = { .kind = CACHE_STATIC, .overflow = CROP, .dtype = F32 };
    Config wide = u->c;
    wide.T = TEXT;
    kvcache_init(&k, &o, &wide, 1, TEXT);
    state_init(&s, &u->c, &k, 1, 1);
    for (int i = 0; i < TEXT; i++) {
        state_clear(&s);
        kvcache_place(&k, 0);
        k.row_keys[0] = smaller(i + 1, window);
        k.row_first[0] = i + 1 - k.row_keys[0];
        state_row(&s, u->ids[i], smaller(i, u->c.T - 1));
        state_want(&s, 0);
        state_upload(&s);
        model_forward(&u->m, &s);
        device_download(u->want[i], s.logits, (size_t)u->c.V * sizeof(float));
    }
    state_free(&s);
    kvcache_free(&k);
}

// A prompt of n tokens in passes of `rows` rows, then token by token.
static int check(Subject *u, int kind, int window, int rows, int n)
{
    State s;
    KVCache k;
    Sequence q = { .ids = u->ids };
    KVOptions o = { .kind = kind, .overflow = RING, .dtype = F32, .window = window };
    int held = window > 0 ? smaller(window, u->c.T) : u->c.T, wrong = 0;
    kvcache_init(&k, &o, &u->c, rows, TEXT);
    state_init(&s, &u->c, &k, rows, 1);
    for (q.n = n; q.n <= TEXT && !wrong; q.n++) {
        float got[V_MAX];
        generate_logits(&u->m, &s, &q);
        device_download(got, s.logits, (size_t)u->c.V * sizeof(float));
        wrong = memcmp(got, u->want[q.n - 1], (size_t)u->c.V * sizeof(float)) != 0;
    }
    if (wrong)
        fprintf(stderr,
                "window %d, cache %s, prompt of %d in passes of %d: other logits after "
                "token %d than when it sees the newest %d of all keys\n",
                window, kind == CACHE_STATIC ? "static" : "dynamic", n, rows, q.n - 1,
                held);
    size_t most = (size_t)(held + KV_CHUNK - 1) / KV_CHUNK * kvcache_chunk_bytes(&k.view);
    if (!wrong && k.bytes > most)
        wrong = fprintf(stderr, "window %d: the cache takes %zu bytes, not %zu\n", window,
                        k.bytes, most);
    state_free(&s);
    kvcache_free(&k);
    return wrong != 0;
}

int main(void)
{
    static const int windows[] = { 0, 1, 7, 32, 33, 41, 100 };
    static Subject u;
    int wrong = 0;
    weights_open(&u.w, TEST_ROOT "/tests/models/odd");
    config_read(&u.c, TEST_ROOT "/tests/models/odd");
    model_load(&u.m, &u.w, &u.c, F32);
    for (int i = 0; i < TEXT; i++)
        u.ids[i] = (i * i * 7 + i * 5 + 3) % u.c.V;
    for (size_t i = 0; i < sizeof windows / sizeof *windows && !wrong; i++) {
        define(&u, windows[i] ? smaller(windows[i], u.c.T) : u.c.T);
        for (int how = 0; how < 6 && !wrong; how++)
            wrong = check(&u, how % 2 ? CACHE_STATIC : CACHE_DYNAMIC, windows[i],
                          how < 3 ? 4 : 16,
                          how < 2   ? 1
                          : how < 4 ? 20
                                    : 50);
    }
    model_free(&u.m);
    weights_close(&u.w);
    return wrong;
}
