// Stage 01: config.json: defaults, what is refused, paths.
#include "config.h"
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODELS TEST_ROOT "/tests/models/"

static char scratch[] = "/tmp/test_01_XXXXXX";

static void remove_scratch(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/config.json", scratch);
    unlink(path);
    rmdir(scratch);
}

static void make_scratch(void)
{
    cr_assert_not_null(mkdtemp(scratch));
    atexit(remove_scratch);  // for tests that end with die(); the others have .fini
    cr_redirect_stderr();
}

// Reads a small configuration, without one of its members and with `more` at its end.
static Config config_of(const char *without, const char *more)
{
    static const char *const members[] = { "vocab_size\": 11", "n_positions\": 36",
                                           "n_embd\": 6", "n_layer\": 1", "n_head\": 2" };
    char path[64];
    snprintf(path, sizeof path, "%s/config.json", scratch);
    FILE *f = fopen(path, "w");
    fprintf(f, "{\"_\": \"gpt2\"");
    for (size_t i = 0; i < 5; i++)
        if (strlen(without) == 0 || strncmp(members[i], without, strlen(without)) != 0)
            fprintf(f, ", \"%s", members[i]);
    fprintf(f, "%s}\n", more);
    fclose(f);
    Config c;
    config_read(&c, scratch);
    return c;
}

Test(config, defaults, .init = make_scratch, .fini = remove_scratch)
{
    Config c = config_of("", "");
    cr_assert(c.V == 11 && c.T == 36 && c.C == 6 && c.L == 1 && c.NH == 2 &&
              c.n_inner == 24);
    cr_assert(c.eps == 1e-5f && c.eos == -1);
}

Test(config, given, .init = make_scratch, .fini = remove_scratch)
{
    Config c = config_of("n_positions",
                         ", \"n_ctx\": 40, \"n_inner\": 10, \"eos_token_id\": 7, "
                         "\"layer_norm_epsilon\": 1e-6, \"model_type\": \"gpt2\", "
                         "\"activation_function\": \"gelu_pytorch_tanh\"");
    cr_assert(c.T == 40 && c.n_inner == 10 && c.eos == 7 && c.eps == 1e-6f);
    c = config_of(
        "", ", \"n_inner\": null, \"eos_token_id\": null, \"activation_function\": null");
    cr_assert(c.n_inner == 24 && c.eos == -1);
    c = config_of("", ", \"eos_token_id\": 50256");  // no token of this model
    cr_assert_eq(c.eos, -1);
}

static char refused[][2][96] = {
    { "vocab_size", "" },
    { "n_embd", "" },
    { "n_layer", "" },
    { "n_head", "" },
    { "n_positions", "" },
    { "n_embd", ", \"n_embd\": 7" },
    { "n_embd", ", \"n_embd\": 0" },
    { "n_embd", ", \"n_embd\": -6" },
    { "n_embd", ", \"n_embd\": 6.5" },
    { "n_embd", ", \"n_embd\": \"6\"" },
    { "n_embd", ", \"n_embd\": 1e12" },
    { "", ", \"n_embd\": 6" },
    { "", ", \"n_inner\": 0" },
    { "", ", \"layer_norm_epsilon\": 0" },
    { "", ", \"eos_token_id\": [1]" },
    { "", ", \"activation_function\": \"relu\"" },
    { "", ", \"activation_function\": \"gelu\"" },
    { "", ", \"scale_attn_by_inverse_layer_idx\": true" },
    { "", ", \"scale_attn_weights\": false" },
    { "", ", \"add_cross_attention\": true" },
    { "n_head", ", \"n_head\": 12" },
    { "", ", \"model_type\": \"llama\"" },
};

ParameterizedTestParameters(config, refused)
{
    return cr_make_param_array(char[2][96], refused, sizeof refused / sizeof *refused);
}

ParameterizedTest(char row[2][96], config, refused, .exit_code = 1, .init = make_scratch)
{
    config_of(row[0], row[1]);
    printf("accepted: without %s, with %s\n", row[0], row[1]);
    remove_scratch();
}

Test(config, path)
{
    char *inside = config_path(MODELS "tiny", "config.json");
    char *beside = config_path(MODELS "tiny/model.safetensors", "config.json");
    cr_assert_str_eq(inside, beside);
    free(beside);
    beside = config_path("model.safetensors", "vocab.json");
    cr_assert_str_eq(beside, "./vocab.json");
    free(inside);
    free(beside);
}
