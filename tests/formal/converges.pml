/* The handshake among three honest members: when the faults end, all stand in one epoch. PROTOCOL.md 9.1, 9.3, 9.5.

Messages are on their way to each member one by one: they come in any order, and may get lost (LOSSES), come twice
(DOUBLES), or find their receiver down (CRASHES; who starts anew has its rank, its current epoch and its wish). What
happens by the clock happens when nothing is on its way: repeating (0x80), while it can bring anybody anything; then the
end of the attempt (or before, HASTE times: clocks differ, a party seems to have left). Any member that wants to
proposes then, whatever its place, and EARLY times while messages are still on their way: two proposals meet. With EARLY
large enough the waiting times of 9.1 do not matter.

All start in one old epoch, and all want a new one (9.1). Ranks are 4 attempt + proposer + 1; 4 attempt alone is
what presence tells (8).

Every run must end, within ATTEMPTS attempts (assertion), with all three in one new epoch.
Broken on purpose, each to be refuted: -DFIRST_WINS -DWISH_LOST -DNO_REPEAT */

#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef DOUBLES
#define DOUBLES 0
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef HASTE
#define HASTE 0
#endif
#ifndef EARLY
#define EARLY 0
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 4
#endif

#define N 3
#define NONE 0
#define SHARES 1
#define SUMS 2
#define KEYED 3
#define CONFIRMED 4
#define RANKS (4 * ATTEMPTS + 4)
#define ATTEMPT(rank) ((rank) / 4)
#define PROPOSER(rank) ((rank) % 4 - 1)

/* message types, as bits */
#define PROPOSE 1
#define SHARE 2
#define SUM 4
#define CONFIRM 8

byte rank[N], epoch[N];                            /* stored */
bool wish[N];                                      /* stored */
byte state[N], shares[N], sums[N], confirmed[N];   /* in memory; sets of members */
byte flight[N * N * RANKS];                        /* to, from, rank: types on their way */
byte losses, doubles, crashes, haste, early;
bool useful[N], helps[N];                          /* see look() */
byte count, n;
byte i, j, k, r, t;

#define RUNNING(a) (state[a] != NONE && state[a] != CONFIRMED)
#define WAY(to, from, q) flight[((to) * N + (from)) * RANKS + (q)]
#define TOGETHER (epoch[0] && epoch[0] == epoch[1] && epoch[1] == epoch[2] && !wish[0] && !wish[1] && !wish[2])

inline member(a) { if :: a = 0 :: a = 1 :: a = 2 fi }

inline publish(a, types) {
    k = 0;
    do
    :: k < N && k != a && rank[a] >= rank[k] -> WAY(k, a, rank[a]) = WAY(k, a, rank[a]) | (types); k++
    :: k < N && (k == a || rank[a] < rank[k]) -> k++         /* stale there already: nothing would happen */
    :: else -> break
    od
}

/* Everything of ours that belongs to this attempt, once more. */
#define SENT(a) ((PROPOSER(rank[a]) == a -> PROPOSE : 0) | (state[a] >= SHARES -> SHARE : 0) | \
    (state[a] >= SUMS -> SUM : 0) | (state[a] >= KEYED -> CONFIRM : 0))

/* What a lower rank waits to tell is stale now. */
inline forget(a) {
    n = a;
    c_code {
        int from, rank;
        for (from = 0; from < 3; from++)
            for (rank = 0; rank < now.rank[now.n]; rank++)
                now.flight[(now.n * 3 + from) * (sizeof now.flight / 9) + rank] = 0;
    };
    n = 0
}

inline begin(a, q) {
    rank[a] = q; wish[a] = true; state[a] = SHARES; shares[a] = 1 << a; sums[a] = 0; confirmed[a] = 0;
    forget(a);
    if :: PROPOSER(q) == a -> publish(a, PROPOSE) :: else fi;
    publish(a, SHARE)
}

inline progress(a) {
    if
    :: state[a] == SHARES && shares[a] == 7 -> state[a] = SUMS; sums[a] = sums[a] | (1 << a); publish(a, SUM)
    :: else
    fi;
    if
    :: state[a] == SUMS && sums[a] == 7 -> state[a] = KEYED; confirmed[a] = confirmed[a] | (1 << a); publish(a, CONFIRM)
    :: else
    fi;
    if
    :: state[a] == KEYED && confirmed[a] == 7 -> state[a] = CONFIRMED; epoch[a] = rank[a]; wish[a] = false
    :: else
    fi
}

inline arrives(a, from, q, type) {
    if
#ifdef FIRST_WINS
    :: type == PROPOSE && q > rank[a] && !RUNNING(a) -> begin(a, q)
#else
    :: type == PROPOSE && q > rank[a] -> begin(a, q)
#endif
    :: type == SHARE && q == rank[a] && state[a] == SHARES -> shares[a] = shares[a] | (1 << from); progress(a)
    :: type == SUM && q == rank[a] && (state[a] == SHARES || state[a] == SUMS) ->
        sums[a] = sums[a] | (1 << from); progress(a)
    :: type == CONFIRM && q == rank[a] && RUNNING(a) -> confirmed[a] = confirmed[a] | (1 << from); progress(a)
    :: else
    fi
}

#ifdef FIRST_WINS
#define DEAF(a) RUNNING(a)
#else
#define DEAF(a) false
#endif

/* After each step, from what is stored and in memory: how many messages are on their way (`count`), and for each member
   whether repeating all of its attempt would bring anybody anything (`helps`). So each step has its condition first. */
#define NEWS(a, to) (rank[to] == rank[a] && (state[to] == SHARES && !(shares[to] & (1 << (a))) || \
    (state[to] == SHARES || state[to] == SUMS) && state[a] >= SUMS && !(sums[to] & (1 << (a))) || \
    RUNNING(to) && state[a] >= KEYED && !(confirmed[to] & (1 << (a)))) || \
    PROPOSER(rank[a]) == (a) && rank[to] < rank[a] && !DEAF(to))
inline look() {
    c_code { /* what can change nothing any more, whenever it comes, is not counted as being on its way */
        int to, from, rank, ranks = sizeof now.flight / 9;
        now.count = 0;
        for (to = 0; to < 3; to++)
            for (from = 0; from < 3; from++)
                for (rank = 0; rank < ranks; rank++) {
                    unsigned char *way = &now.flight[(to * 3 + from) * ranks + rank], keep = 0;
                    if (rank > now.rank[to]) keep = 15;
                    else if (rank == now.rank[to] && now.state[to] != 0 && now.state[to] != 4)
                        keep = (now.shares[to] >> from & 1 ? 0 : 2 /* SHARE */) |
                               (now.sums[to] >> from & 1 ? 0 : 4 /* SUM */) |
                               (now.confirmed[to] >> from & 1 ? 0 : 8 /* CONFIRM */);
                    *way &= keep;
                    now.count += __builtin_popcount(*way);
                }
    };
    useful[0] = state[0] && (NEWS(0, 1) || NEWS(0, 2));
    useful[1] = state[1] && (NEWS(1, 0) || NEWS(1, 2));
    useful[2] = state[2] && (NEWS(2, 0) || NEWS(2, 1));
    i = 0;
    do
    :: i < N ->
        helps[i] = RUNNING(i) && (useful[0] && rank[0] == rank[i] || useful[1] && rank[1] == rank[i] ||
            useful[2] && rank[2] == rank[i]);
        i++
    :: else -> break
    od;
    i = 0; j = 0; k = 0; r = 0; t = 0; n = 0
}

inline repeat(a) { if :: rank[a] == r && state[a] != NONE -> publish(a, SENT(a)) :: else fi }

#define DUE(a) (!count && !helps[a])
#define TIME(a) (DUE(a) || haste < HASTE)
#define FURTHER(a, b) (!RUNNING(a) && ATTEMPT(rank[b]) > ATTEMPT(rank[a]))
#define BEHIND(a) (FURTHER(a, 0) || FURTHER(a, 1) || FURTHER(a, 2))

init {
    d_step { epoch[0] = 1; epoch[1] = 1; epoch[2] = 1; wish[0] = true; wish[1] = true; wish[2] = true; look() }
    do
    :: atomic { /* one that wants an epoch proposes */
        (!count || early < EARLY) && (wish[0] && !RUNNING(0) || wish[1] && !RUNNING(1) || wish[2] && !RUNNING(2)) ->
        if :: wish[0] && !RUNNING(0) -> i = 0 :: wish[1] && !RUNNING(1) -> i = 1 :: wish[2] && !RUNNING(2) -> i = 2 fi;
        d_step {
            if :: count -> early++ :: else fi;
            assert(ATTEMPT(rank[i]) < ATTEMPTS);
            r = 4 * ATTEMPT(rank[i]) + 4 + i + 1;
            begin(i, r); look() } }
    :: atomic { /* one of the messages on their way comes, gets lost, or comes and will come again */
        count > 0 ->
        n = 1;
        do :: n < count -> n++ :: break od;
        true;
        d_step { /* find it */
            c_code {
                int rest = now.n;
                for (now.k = now.t = 0;; now.t == 3 ? (now.t = 0, now.k++) : now.t++)
                    if (now.flight[now.k] >> now.t & 1 && --rest == 0) break;
            };
            i = k / RANKS / N; j = (k / RANKS) % N; r = k % RANKS; t = 1 << t }
        if
        :: true -> d_step { WAY(i, j, r) = WAY(i, j, r) & ~t; count = t; arrives(i, j, r, count); look() }
        :: losses < LOSSES -> d_step { losses++; WAY(i, j, r) = WAY(i, j, r) & ~t; look() }
        :: doubles < DOUBLES -> d_step { doubles++; count = t; arrives(i, j, r, count); look() }
        fi }
    :: atomic { /* the power fails; what is on its way does not find the member */
        crashes < CRASHES ->
        member(i);
        d_step {
            crashes++; state[i] = NONE; shares[i] = 0; sums[i] = 0; confirmed[i] = 0;
#ifdef WISH_LOST
            wish[i] = false;
#endif
            r = rank[i]; rank[i] = RANKS; forget(i); rank[i] = r;
            look() } }
#ifndef NO_REPEAT
    :: atomic { /* one that waits asks again, and all in its attempt repeat */
        !count && (helps[0] || helps[1] || helps[2]) ->
        if :: helps[0] -> r = rank[0] :: helps[1] -> r = rank[1] :: helps[2] -> r = rank[2] fi;
        d_step { repeat(0); repeat(1); repeat(2); look() } }
#endif
    :: atomic { /* an attempt's time is over */
        RUNNING(0) && TIME(0) || RUNNING(1) && TIME(1) || RUNNING(2) && TIME(2) ->
        if :: RUNNING(0) && TIME(0) -> i = 0 :: RUNNING(1) && TIME(1) -> i = 1 :: RUNNING(2) && TIME(2) -> i = 2 fi;
        d_step {
            if :: DUE(i) :: else -> haste++ fi;
            state[i] = NONE; shares[i] = 0; sums[i] = 0; confirmed[i] = 0; look() } }
    :: atomic { /* presence: the others are further on */
        BEHIND(0) || BEHIND(1) || BEHIND(2) ->
        if :: BEHIND(0) -> i = 0 :: BEHIND(1) -> i = 1 :: BEHIND(2) -> i = 2 fi;
        if :: FURTHER(i, 0) -> j = 0 :: FURTHER(i, 1) -> j = 1 :: FURTHER(i, 2) -> j = 2 fi;
        d_step { rank[i] = 4 * ATTEMPT(rank[j]); state[i] = NONE; forget(i); look() } }
    od
}

ltl converges { <> [] (TOGETHER && epoch[0] > 1) }
