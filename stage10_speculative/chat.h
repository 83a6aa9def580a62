// --interactive: the reader and the model write on one text in turn.
#ifndef CHAT_H
#define CHAT_H

#include "generate.h"
#include "input.h"

// Goes on with a text until it ends.
typedef void (*ChatWrite)(void *to, Sequence *q);

// Reads lines from stdin until its end; each goes to the text, on a line of its own, then
// the model goes on with it.  Ctrl-C ends the model's turn, not the program.  The text
// may grow beyond the window: the model sees the end of it, with room for the turn that
// follows.  in->ids: how it begins.
void chat(const Input *in, const GenerateOptions *o, ChatWrite write, void *to);

#endif
