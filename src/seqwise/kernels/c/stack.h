/* A few steps of a whole stack of layers in one call, without gradients: what decode.h reads and writes.

   Weights are read where torch keeps them, rows one after the other: a product with few rows is bound by reading them once, and a copy
   in another order would have to be made again whenever they change. A step's rows stand together, steps one after the other. */

enum { RELU = LSTM + 1 }; /* the cell of an RNN whose units are not squashed */

typedef struct {
    long cell, width, inner;                      /* columns of the input; of the feed-forward part, 0 where the layer is a mixer alone */
    const float *weight_ih, *weight_hh;           /* (G units, width), (G units, units) */
    const float *bias_ih, *bias_hh;               /* (G units,), or neither */
    const float *mixer_norm, *feed_forward_norm;  /* (width,), (units,) */
    const float *gate, *up, *down;                /* (inner, units) twice, (units, inner) */
} Block;

typedef struct {
    long blocks, units;
    const Block *block;
    const float *norm; /* (units,) after the last layer, or none */
    float epsilon;
} Stack;

typedef struct {
    long steps, rows;
    const float *x;       /* (steps, rows, width of the first layer) */
    const float *h0, *c0; /* (blocks, rows, units); none at the start of a sequence, and no c without an LSTM */
    float *y;             /* (steps, rows, units) of each layer, so far apart; 0 keeps the last layer's alone */
    long apart;
    float *hn, *cn;       /* (blocks, rows, units) */
    float *work;
} Call;

typedef void (*Decode)(const Stack *, const Call *);

static long most_of(long a, long b) { return a > b ? a : b; }

/* Numbers that decode.h needs beside its results. */
static long work_of(const Stack *stack, long steps, long rows) {
    long widest = stack->units, inner = 0;
    for (long i = 0; i < stack->blocks; i++) {
        widest = most_of(widest, stack->block[i].width);
        inner = most_of(inner, stack->block[i].inner);
    }
    return steps * rows * (5 * stack->units + widest + 2 * inner) + 2 * rows * stack->units;
}
