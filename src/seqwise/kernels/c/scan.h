/* The linear scan h_t = keep h_{t-1} + write value, unit by unit, its gates computed in passing; included by lanes.h for each set.

   A strip of units walks through all steps of its row before the next strip begins. The state is read where it was written, a step
   before: close enough to stay in the first cache, and everything else streams past once. */

typedef struct {
    VEC keep, write, value;
    VEC i, f; /* minLSTM: keep and write less the parts of them that are no slope; see its README */
} NAME(gates);

/* e^x for x from -inf to 88, not less than e^-87. */
INLINE VEC NAME(exp)(VEC x) {
    const VEC zero = {0};
    VEC power;
    const VEC rest = NAME(reduce)(NAME(larger)(zero - 87.0f, x), &power);
    return power * rest + power;
}

INLINE NAME(gates) NAME(plain_gates)(const float *const *in, long u, long n) {
    const VEC none = {0};
    return (NAME(gates)){NAME(load)(in[0] + u, n), none + 1.0f, NAME(load)(in[1] + u, n), none, none};
}

/* sigmoid(-z) and sigmoid(z), each with all its digits. */
INLINE NAME(gates) NAME(mingru_gates)(const float *const *in, long u, long n) {
    const VEC zero = {0}, e = NAME(exp)(NAME(smaller)(zero + 87.0f, -NAME(load)(in[0] + u, n))), write = 1.0f / (1.0f + e);
    return (NAME(gates)){e * write, write, NAME(load)(in[1] + u, n), zero, zero};
}

/* sigmoid(f) and sigmoid(i) over their sum: (1 + e^-i) and (1 + e^-f) over theirs, all of it times e^-m so that the largest is 1. */
INLINE NAME(gates) NAME(minlstm_gates)(const float *const *in, long u, long n) {
    const VEC zero = {0}, limit = zero + 3e38f;
    const VEC i = NAME(smaller)(limit, -NAME(load)(in[0] + u, n)), f = NAME(smaller)(limit, -NAME(load)(in[1] + u, n));
    const VEC m = NAME(larger)(NAME(larger)(i, f), zero);
    const VEC one = NAME(exp)(-m), ei = NAME(exp)(i - m), ef = NAME(exp)(f - m), share = 1.0f / ((one + ei) + (one + ef));
    return (NAME(gates)){(one + ei) * share, (one + ef) * share, NAME(load)(in[2] + u, n), ei * share, ef * share};
}

INLINE NAME(gates) NAME(gates_of)(const int kind, const float *const *in, long u, long n) {
    return kind == SCAN ? NAME(plain_gates)(in, u, n) : kind == MINGRU ? NAME(mingru_gates)(in, u, n) : NAME(minlstm_gates)(in, u, n);
}

INLINE void NAME(forth)(const int kind, const float *const *in, const float *before, float *y, long u, long n) {
    const NAME(gates) gates = NAME(gates_of)(kind, in, u, n);
    const VEC added = kind == SCAN ? gates.value : gates.write * gates.value;
    NAME(store)(y + u, gates.keep * NAME(load)(before + u, n) + added, n);
}

/* dh: the gradient of the state through later steps, and then through this one. */
INLINE void NAME(back)(const int kind, const float *const *in, const float *before, const float *dy, float *dh, float *const *din, long u,
                       long n) {
    const NAME(gates) gates = NAME(gates_of)(kind, in, u, n);
    const VEC e = NAME(load)(dh + u, n) + NAME(load)(dy + u, n), h = NAME(load)(before + u, n);
    const VEC change = e * (h - gates.value);
    NAME(store)(dh + u, e * gates.keep, n);
    if (kind == SCAN) {
        NAME(store)(din[0] + u, e * h, n);
        NAME(store)(din[1] + u, e, n);
    } else if (kind == MINGRU) {
        NAME(store)(din[0] + u, -change * gates.keep * gates.write, n);
        NAME(store)(din[1] + u, e * gates.write, n);
    } else {
        NAME(store)(din[0] + u, -change * gates.write * gates.i, n);
        NAME(store)(din[1] + u, change * gates.keep * gates.f, n);
        NAME(store)(din[2] + u, e * gates.write, n);
    }
}

INLINE void NAME(fetch)(const uintptr_t *streams, int count, long u) {
    for (int k = 0; k < count; k++) __builtin_prefetch((const void *)(streams[k] + sizeof(float) * u));
}

INLINE void NAME(strip_forward)(const int kind, const Scan *scan, long row, long first, long last) {
    const long length = length_of(scan, row), ahead = steps_ahead(scan);
    const float *before = scan->h0 + row * scan->units, *in[3];
    uintptr_t later[3];
    for (long t = 0; t < length; t++) {
        float *y = place(scan->y, row, t);
        for (int k = 0; k < INPUTS[kind]; k++) in[k] = place(scan->in[k], row, t), later[k] = address(scan->in[k], row, t + ahead);
        long u = first;
        for (; u + LANES <= last; u += LANES) {
            NAME(fetch)(later, INPUTS[kind], u);
            NAME(forth)(kind, in, before, y, u, LANES);
        }
        if (u < last) NAME(forth)(kind, in, before, y, u, last - u);
        before = y;
    }
    memcpy(scan->hn + row * scan->units + first, before + first, sizeof(float) * (last - first));
    for (long t = length; t < scan->steps; t++) memset(place(scan->y, row, t) + first, 0, sizeof(float) * (last - first));
}

INLINE void NAME(strip_backward)(const int kind, const Scan *scan, long row, long first, long last) {
    const long length = length_of(scan, row), ahead = steps_ahead(scan);
    float *dh = scan->dh + row * scan->units, *din[3];
    const float *in[3];
    uintptr_t later[5];
    for (long t = scan->steps - 1; t >= length; t--)
        for (int k = 0; k < INPUTS[kind]; k++) memset(place(scan->din[k], row, t) + first, 0, sizeof(float) * (last - first));
    for (long t = length - 1; t >= 0; t--) {
        const float *before = t ? place(scan->y, row, t - 1) : scan->h0 + row * scan->units, *dy = place(scan->dy, row, t);
        for (int k = 0; k < INPUTS[kind]; k++) in[k] = place(scan->in[k], row, t), din[k] = place(scan->din[k], row, t);
        for (int k = 0; k < INPUTS[kind]; k++) later[k] = address(scan->in[k], row, t - ahead);
        later[INPUTS[kind]] = address(scan->y, row, t - ahead), later[INPUTS[kind] + 1] = address(scan->dy, row, t - ahead);
        long u = first;
        for (; u + LANES <= last; u += LANES) {
            NAME(fetch)(later, INPUTS[kind] + 2, u);
            NAME(back)(kind, in, before, dy, dh, din, u, LANES);
        }
        if (u < last) NAME(back)(kind, in, before, dy, dh, din, u, last - u);
    }
}

#define STRIPS(KIND, DIRECTION)                                                                                             \
    static TARGET void NAME(KIND##_##DIRECTION)(const Scan *scan, long row, long first, long last) {                       \
        NAME(strip_##DIRECTION)(KIND, scan, row, first, last);                                                              \
    }
STRIPS(SCAN, forward) STRIPS(MINGRU, forward) STRIPS(MINLSTM, forward)
STRIPS(SCAN, backward) STRIPS(MINGRU, backward) STRIPS(MINLSTM, backward)
#undef STRIPS
