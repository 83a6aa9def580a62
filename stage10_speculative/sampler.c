// A text's sampler; see sampler.h.  Chapter 7.
#include "sampler.h"
#include "device.h"
#include "error.h"
#include "memory.h"
#include <limits.h>

void sampler_options(Args *a, SamplingParams *p)
{
    static const char *const samplers[] = { "gumbel", "sort", "pivot", NULL };
    args_group(a, "Sampling");
    args_float(a, "temperature=T", 0, &p->temperature, 1, 0, 1000,
               "0: always the likeliest token; above 1: more surprises");
    args_int(a, "top-k=K", 0, &p->top_k, 0, 0, INT_MAX,
             "only the K likeliest tokens; 0: all");
    args_float(a, "top-p=P", 0, &p->top_p, 1, 1e-6f, 1,
               "only the likeliest that together have P");
    args_float(a, "min-p=P", 0, &p->min_p, 0, 0, 1,
               "only those with P of the likeliest one's");
    args_float(a, "presence-penalty=X", 0, &p->presence, 0, -100, 100,
               "off the logits of tokens that occurred");
    args_float(a, "frequency-penalty=X", 0, &p->frequency, 0, -100, 100,
               "off them for each time that they occurred");
    args_float(a, "repetition-penalty=X", 0, &p->repetition, 1, 1e-3f, 1000,
               "divides (or, if negative, multiplies) them");
    args_int(a, "no-repeat-ngram=N", 0, &p->no_repeat_ngram, 0, 0, INT_MAX,
             "no N tokens in a row twice; 0: off");
    args_choice(a, "sampler=NAME", 0, &p->kind, GUMBEL, samplers, "how the draw is made");
}

void sampler_init(Sampler *sp, const SamplingParams *p, int V, int max, int sample)
{
    MemoryPart parts[] = {
        { &sp->text, (size_t)max, sizeof(int) },
        { &sp->logits, (size_t)V, sizeof(float) },
        { &sp->counts, (size_t)V, sizeof(int) },
        { &sp->candidates, (size_t)V, sizeof(Candidate) },
        { NULL, 0, 0 },
    };
    sp->params = *p;
    sp->V = V;
    sp->sample = sample;
    sp->block = device_alloc(memory_bytes(parts), "the sampler");
    memory_cut(parts, sp->block);
}

void sampler_free(Sampler *sp)
{
    device_free(sp->block);
}

void sampler_text(Sampler *sp, int from, const int *ids, int n)
{
    device_upload(sp->text + from, ids, (size_t)n * sizeof *ids);
}

void sampler_chosen(int *ids, const int *next, int n)
{
    device_download(ids, next, (size_t)n * sizeof *ids);
    for (int i = 0; i < n; i++)
        if (ids[i] < 0)
            die("a logit is not a number; are the weights damaged?");
}
