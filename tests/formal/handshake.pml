/* The handshake among three members: no two keys for one epoch. PROTOCOL.md 9.2 to 9.5.

The network is the set of all messages that ever left: each may reach anybody at any time, any number of times, in any
order, or never. That is loss, duplication, reordering and replay, and makes repeating (0x80) a matter of course.
Members restart at any time, as often as they like, from what they have stored. One member may be a liar: it may say
anything under its own name, and different things to different members; nothing it says needs to be remembered.

Cryptography is ideal: a share is "the n-th y that i drew for this hid", a sum is the Z its maker saw, a transcript is
all Z and X seen, and a key is its transcript. The check that the sum of all X is neutral is left out, which only helps
the liar.

    -DLIAR=0..2     who lies (3: nobody)              -DATTEMPTS=n   attempt numbers
    -DPROPOSALS=n   proposals of honest members
Broken on purpose, each to be refuted: -DRANK_LATE -DEQUAL_RANK -DADOPT_KEYED -DANY_CONFIRM */

#ifndef LIAR
#define LIAR 3
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef PROPOSALS
#define PROPOSALS 2
#endif

#define N 3
#define RANKS (ATTEMPTS * N)                       /* rank (attempt, proposer) as one number from 1 */
#define HIDS (2 * RANKS + 1)                       /* a liar proposes two things under one rank: two hids */
#define RANK(hid) (((hid) - 1) % RANKS + 1)
#define PROPOSER(rank) (((rank) - 1) % N)
#define ATTEMPT(rank) (((rank) + N - 1) / N)

#define NONE 0
#define SHARES 1
#define SUMS 2
#define KEYED 3
#define CONFIRMED 4
#define ALL 7

/* stored */
byte stored[N];                                    /* the rank */
byte epoch[N];                                     /* hid of the current epoch */
short key[N];                                      /* and its key: the transcript */
/* in memory */
byte rank[N], state[N], hid[N], mine[N];           /* mine: which y */
byte sent[N];                                      /* SHARES, SUMS, KEYED: the last message of ours that left */
byte Z[N * N], X[N * N], confirmed[N];
/* what honest members ever sent, by hid and member (and y, where a broken one has two) */
bool proposed[RANKS + 1];
byte shares[HIDS * N];
byte sums[HIDS * N * 2];
short confirms[HIDS * N * 2];
byte proposals;
bool twice;                                        /* somebody took part twice in one hid */
bool unready;                                      /* somebody adopted what not all honest parties could read */

/* numbers of the step's members and messages; zero between steps */
byte i, j, k, r, h, v;

#define AT(a, b) ((a) * N + (b))
#define OUT(a, b, w) (((a) * N + (b)) * 2 + (w) - 1)
#define HAS3(a, b) (a[AT(b, 0)] && a[AT(b, 1)] && a[AT(b, 2)])
#define SEEN(b) ((Z[AT(b, 0)] - 1) + 2 * (Z[AT(b, 1)] - 1) + 4 * (Z[AT(b, 2)] - 1))
#define TRANSCRIPT(b) (1 + SEEN(b) + 8 * X[AT(b, 0)] + 128 * X[AT(b, 1)] + 2048 * X[AT(b, 2)])
#define APART(a, b) (epoch[a] && epoch[a] == epoch[b] && key[a] != key[b])

inline honest(a) { if :: LIAR != 0 -> a = 0 :: LIAR != 1 -> a = 1 :: LIAR != 2 -> a = 2 fi }
inline anybody(a) { if :: a = 0 :: a = 1 :: a = 2 fi }

inline erase(a) {
    state[a] = NONE; hid[a] = 0; mine[a] = 0; sent[a] = 0; confirmed[a] = 0;
    Z[AT(a, 0)] = 0; Z[AT(a, 1)] = 0; Z[AT(a, 2)] = 0; X[AT(a, 0)] = 0; X[AT(a, 1)] = 0; X[AT(a, 2)] = 0
}

/* Messages of a hid that nobody is in, or can enter, are forgotten: they change nothing any more. */
#define CLOSED(a, q) (a == LIAR || hid[a] != q && stored[a] >= RANK(q))
inline tidy() {
    h = 1;
    do
    :: h < HIDS ->
        if
        :: CLOSED(0, h) && CLOSED(1, h) && CLOSED(2, h) ->
            k = 0;
            do
            :: k < N -> shares[AT(h, k)] = 0; sums[OUT(h, k, 1)] = 0; sums[OUT(h, k, 2)] = 0;
                confirms[OUT(h, k, 1)] = 0; confirms[OUT(h, k, 2)] = 0; k++
            :: else -> break
            od
        :: else
        fi;
        h++
    :: else -> break
    od;
    i = 0; j = 0; k = 0; r = 0; h = 0; v = 0
}

/* 9.3: take part. The share leaves in a later step, after the rank was stored in one. */
inline begin(a, q) {
    erase(a);
    hid[a] = q; rank[a] = RANK(q); state[a] = SHARES;
    mine[a] = 1;
    if :: shares[AT(q, a)] -> mine[a] = 2 :: else fi;        /* y is fresh each time */
    Z[AT(a, a)] = mine[a]
}

inline progress(a) {
    if
    :: state[a] == SHARES && HAS3(Z, a) -> state[a] = SUMS; X[AT(a, a)] = 1 + SEEN(a)
    :: else
    fi;
    if
    :: state[a] == SUMS && HAS3(X, a) -> state[a] = KEYED; confirmed[a] = confirmed[a] | (1 << a)
    :: else
    fi
}

#define CAN_READ(a) (a == LIAR || \
    confirms[OUT(hid[i], a, 1)] == TRANSCRIPT(i) || confirms[OUT(hid[i], a, 2)] == TRANSCRIPT(i) || \
    hid[a] == hid[i] && state[a] == KEYED && TRANSCRIPT(a) == TRANSCRIPT(i) || \
    epoch[a] == hid[i] && key[a] == TRANSCRIPT(i))

active proctype world() {
    do
    :: atomic { /* an honest member proposes: rank and all are stored before anything leaves */
        proposals < PROPOSALS -> honest(i);
        if
        :: (state[i] == NONE || state[i] == CONFIRMED) && ATTEMPT(rank[i]) < ATTEMPTS ->
            d_step { r = ATTEMPT(rank[i]) * N + i + 1; begin(i, r); proposals++; tidy() }
        :: else -> i = 0
        fi }
    :: atomic { /* a proposal comes: an honest one that was sent, or one of two that a liar makes up */
        honest(i);
        if
        :: r = 1 :: r = 2 :: r = 3
#if ATTEMPTS > 1
        :: r = 4 :: r = 5 :: r = 6
#endif
        fi;
        if :: proposed[r] -> h = r :: PROPOSER(r) == LIAR -> h = r :: PROPOSER(r) == LIAR -> h = r + RANKS :: else fi;
        if
#ifdef EQUAL_RANK
        :: h && r >= rank[i] && hid[i] != h -> d_step { begin(i, h); tidy() }
#else
        :: h && r > rank[i] -> d_step { begin(i, h); tidy() }
#endif
        :: else -> d_step { i = 0; r = 0; h = 0 }
        fi }
    :: atomic { /* store */
        honest(i);
        if :: stored[i] != rank[i] -> d_step { stored[i] = rank[i]; tidy() } :: else -> i = 0 fi }
    :: atomic { /* the next message leaves */
        honest(i);
        if
#ifdef RANK_LATE
        :: state[i] >= SHARES && sent[i] < SHARES ->
#else
        :: state[i] >= SHARES && sent[i] < SHARES && stored[i] == rank[i] ->
#endif
            d_step {
                twice = twice || (shares[AT(hid[i], i)] & ~(1 << mine[i]));
                shares[AT(hid[i], i)] = shares[AT(hid[i], i)] | (1 << mine[i]);
                if :: PROPOSER(rank[i]) == i -> proposed[rank[i]] = true :: else fi;
                sent[i] = SHARES; tidy() }
        :: state[i] >= SUMS && sent[i] == SHARES ->
            d_step { sums[OUT(hid[i], i, mine[i])] = X[AT(i, i)]; sent[i] = SUMS; tidy() }
        :: state[i] >= KEYED && sent[i] == SUMS ->
            d_step { confirms[OUT(hid[i], i, mine[i])] = TRANSCRIPT(i); sent[i] = KEYED; tidy() }
        :: else -> i = 0
        fi }
    :: atomic { /* a share comes */
        honest(i); anybody(j);
        if :: v = 1 :: v = 2 fi;
        if
        :: i != j && state[i] == SHARES && (j == LIAR || shares[AT(hid[i], j)] & (1 << v)) && !Z[AT(i, j)] ->
            d_step { Z[AT(i, j)] = v; progress(i); tidy() }
        :: else -> d_step { i = 0; j = 0; v = 0 }
        fi }
    :: atomic { /* a sum comes, perhaps before all shares */
        honest(i); anybody(j);
        if
        :: j == LIAR -> v = 9 :: j == LIAR -> v = 10
        :: j != LIAR -> v = sums[OUT(hid[i], j, 1)] :: j != LIAR -> v = sums[OUT(hid[i], j, 2)]
        fi;
        if
        :: i != j && v && (state[i] == SHARES || state[i] == SUMS) && !X[AT(i, j)] ->
            d_step { X[AT(i, j)] = v; progress(i); tidy() }
        :: else -> d_step { i = 0; j = 0; v = 0 }
        fi }
    :: atomic { /* a confirmation comes: of another transcript it ends the attempt (9.4); a liar's is always right */
        honest(i); anybody(j);
        if :: v = 1 :: v = 2 fi;
        if
        :: i != j && state[i] == KEYED && !(confirmed[i] & (1 << j)) && (j == LIAR || confirms[OUT(hid[i], j, v)]) ->
            d_step {
                if
#ifdef ANY_CONFIRM
                :: true
#else
                :: j == LIAR || confirms[OUT(hid[i], j, v)] == TRANSCRIPT(i)
#endif
                    -> confirmed[i] = confirmed[i] | (1 << j)
                :: else -> erase(i)
                fi;
                tidy() }
        :: else -> d_step { i = 0; j = 0; v = 0 }
        fi }
    :: atomic { /* all have confirmed: the epoch is stored, then it may be sent in */
        honest(i);
        if
#ifdef ADOPT_KEYED
        :: state[i] == KEYED && sent[i] == KEYED ->
#else
        :: state[i] == KEYED && confirmed[i] == ALL && sent[i] == KEYED ->
#endif
            d_step {
                assert(RANK(hid[i]) > (epoch[i] -> RANK(epoch[i]) : 0));     /* epochs only go up */
                unready = unready || !(CAN_READ(0) && CAN_READ(1) && CAN_READ(2));
                epoch[i] = hid[i]; key[i] = TRANSCRIPT(i); state[i] = CONFIRMED; stored[i] = rank[i]; tidy() }
        :: else -> i = 0
        fi }
    :: atomic { /* an attempt ends: time, a conflict, a party that left */
        honest(i);
        if :: state[i] != NONE && state[i] != CONFIRMED -> d_step { erase(i); tidy() } :: else -> i = 0 fi }
    :: atomic { /* the power fails */
        honest(i);
        if
        :: state[i] != NONE || rank[i] != stored[i] -> d_step { erase(i); rank[i] = stored[i]; tidy() }
        :: else -> i = 0
        fi }
    od
}

ltl safe { [] !(APART(0, 1) || APART(0, 2) || APART(1, 2) || twice || unready) }
ltl one_key { [] !(APART(0, 1) || APART(0, 2) || APART(1, 2)) }
ltl once { [] !twice }
ltl readable { [] !unready }
