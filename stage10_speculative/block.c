// One block of the transformer.  Chapter 5.
#include "block.h"
#include "attention.h"
#include "ops.h"

void block_forward(const Block *b, State *s)
{
    layernorm(s->norm, s->x, &b->ln1, s->T, s->config.C);
    attention_forward(&b->attention, s, s->norm);
    layernorm(s->norm, s->x, &b->ln2, s->T, s->config.C);
    matmul(s->hidden, s->norm, &b->fc, b->fc_bias, s->T);
    gelu(s->hidden, s->T, s->config.n_inner);
    matmul_add(s->x, s->hidden, &b->proj, b->proj_bias, s->T);
}
