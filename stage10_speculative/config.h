// config.json: the dimensions of a GPT-2.
//
//     Config c;
//     config_read(&c, "models/tales");
//     printf("%d layers of width %d\n", c.L, c.C);
//
// Source: transformers' GPT2Config, whose names the file uses.
#ifndef CONFIG_H
#define CONFIG_H

typedef struct {
    int V;        // vocab_size: how many tokens there are
    int T;        // n_positions: the longest text, in tokens
    int C;        // n_embd: the width of the residual stream
    int L;        // n_layer
    int NH;       // n_head; each head is C / NH wide
    int n_inner;  // the width inside the MLP; 4 C unless given
    float eps;    // layer_norm_epsilon
    int eos;      // eos_token_id: the token that ends a text; -1: none
} Config;

// Reads the config.json of `model`: a directory, or a weights file that it lies beside.
// Dies if it is missing or wrong, or describes another architecture than GPT-2's.
void config_read(Config *c, const char *model);
// The path of a model's file with that name; release with free().
char *config_path(const char *model, const char *name);

#endif
