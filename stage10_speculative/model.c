// The whole model.  Chapter 6.
#include "model.h"
#include "device.h"
#include "memory.h"
#include "ops.h"
#include "trace.h"
#include <stdlib.h>

static void load(Model *m)
{
    Params *p = &m->params;
    const Config *c = p->config;
    params_embeddings(p, &m->embeddings);
    params_norm(p, &m->norm, "ln_f");
    m->head = &m->embeddings.wte;
    if (weights_find(p->weights, "lm_head.weight")) {
        m->untied = params_matrix(p, "lm_head.weight", c->C, c->V, MATRIX_OUT_IN);
        m->head = &m->untied;
    }
    for (int l = 0; l < c->L; l++)
        params_block(p, &m->blocks[l], l);
}

void model_load(Model *m, const Weights *w, const Config *config, DType dtype)
{
    m->config = *config;
    m->params = (Params){ .weights = w, .config = &m->config, .dtype = dtype };
    m->blocks = memory_alloc((size_t)config->L, sizeof *m->blocks, "the list of blocks");
    load(m);  // counts
    params_allocate(&m->params, "the weights");
    load(m);
}

void model_free(Model *m)
{
    device_free(m->params.block);
    free(m->blocks);
}

void model_head(const Model *m, State *s)
{
    int C = s->config.C;
    gather(s->last, s->x, s->want, s->W, C);
    layernorm(s->last, s->last, &m->norm, s->W, C);
    matmul(s->logits, s->last, m->head, NULL, s->W);
}

void model_forward(const Model *m, State *s)
{
    #pragma omp parallel
    {
        embeddings_forward(&m->embeddings, s);
        trace_dump("hidden_states", 0, s->x, s->T, s->config.C);
        for (int l = 0; l < m->config.L; l++) {
            block_forward(&m->blocks[l], s);
            trace_dump("hidden_states", l + 1, s->x, s->T, s->config.C);
        }
        model_head(m, s);
        trace_dump("logits", -1, s->logits, s->W, s->config.V);
    }
}
