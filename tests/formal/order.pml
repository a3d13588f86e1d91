/* The group's order among three members: one winner an epoch, one step back at most, otherwise forked, never a silent
   divergence. PROTOCOL.md 18.1 to 18.5.

A frame stands on (epoch, head); heads are hash chains, so here a head is the number of the frame that made it. The live
topic is the set of frames ever published: each may reach each member at any time, again and again, in any order (a
broker that lies: what it delivers to one it need not to another), or, with -DONE_ORDER, all members in the order of the
first publication (a broker that does not: a member that reconnects begins at the end). Members crash between any two
effects (what is stored: head, the one state before, own frame on its way, frames to be written to their slot). Retained
slots hold the last that was written. Questions and answers (sync, head) are single steps and may get lost; waiting
times are left out: what may time out, may do so at any time (with -DONE_ORDER: when nobody else is live).

    -DLIAR=0..2   that member publishes frames that only some can take, puts any frame into any slot or empties it, and
                  names any position (3: nobody; -DMUTE: it is only away)
    -DFRAMES=n   frames      -DCRASHES=n  -DDROPS=n  connections lost
Broken on purpose, each to be refuted: -DBACK_TWO -DNO_PREV -DPUBLISH_FIRST -DSTALE_ANSWERS -DECHO_UNSEEN
-DFORGETS (the secret of an own frame that lost) */

#ifndef LIAR
#define LIAR 3
#endif
#ifndef FRAMES
#define FRAMES 3
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef DROPS
#define DROPS 1
#endif

#define N 3
#define EPOCHS (FRAMES + 1)
#define OFF 0
#define SYNC 1
#define LIVE 2
#define FORKED 3
#define REJOIN 4

/* frames, from 1: what they stand on, who made them, who can take them (a set of members) */
byte prev[FRAMES + 1], epoch[FRAMES + 1], maker[FRAMES + 1], takers[FRAMES + 1];
byte frames;
/* stored */
byte head[N], number[N];                           /* where a member stands: the last frame, and how many it took */
byte taken[N * EPOCHS];                            /* which ones: the frame taken at each epoch */
bool undo[N];                                      /* the state before the last frame is kept */
byte own[N];                                       /* own frame of the state before: on its way again if it goes back */
byte pending[N];
byte unwritten[N];                                 /* own frames that are to be put into their slot: a set */
byte phase[N];
/* in memory */
bool loud[N];                                      /* the pending frame is to be published */
bool asked[N];
byte told[N * N];                                  /* position + 1 that a live member named */
bool chased[N];                                    /* another branch was seen in this search */
byte cursor[N], mark[N];
/* the broker */
byte live[FRAMES + 1], lives;                      /* frames in the order of their first publication */
byte slot[EPOCHS];
byte crashes, drops;
byte most[N];                                      /* the most frames that a member ever stood on */
bool deep;                                         /* a frame that another one stood on was replaced */
bool failed[N];                                    /* what was named could not be taken */
byte i, j, f, g, k;

#define AT(a, e) ((a) * EPOCHS + (e))
#define NUMBER(h) ((h) -> epoch[h] + 1 : 0)
#define TOLD(a, b) told[(a) * N + (b)]
#define UP(a) (a != LIAR && (phase[a] == SYNC || phase[a] == LIVE))
#define ALONE(a) ((a == 0 || phase[0] != LIVE) && (a == 1 || phase[1] != LIVE) && (a == 2 || phase[2] != LIVE))

#ifdef ONE_ORDER
#define LIES false
#else
#define LIES true                                  /* answers may get lost, whoever is live */
#endif

/* Can a member take this frame? A ratchet frame of its own only while it still holds its secret. */
#define CAN(a, x) ((takers[x] & (1 << (a))) && (maker[x] != a || pending[a] == x))
#ifdef NO_PREV
#define FITS(a, x) (epoch[x] == number[a])
#else
#define FITS(a, x) (epoch[x] == number[a] && prev[x] == head[a])
#endif

inline honest(a) { if :: LIAR != 0 -> a = 0 :: LIAR != 1 -> a = 1 :: LIAR != 2 -> a = 2 fi }
inline rest() { i = 0; j = 0; f = 0; g = 0; k = 0 }
inline settle(a) { asked[a] = false; TOLD(a, 0) = 0; TOLD(a, 1) = 0; TOLD(a, 2) = 0; mark[a] = 0 }

inline take(a, x) {
    deep = deep || number[a] + 1 < most[a];
    undo[a] = true;
#ifdef FORGETS
    own[a] = (pending[a] == x -> x : 0);
#else
    own[a] = pending[a];
#endif
    if :: pending[a] == x -> unwritten[a] = unwritten[a] | (1 << x) :: else fi;
    pending[a] = 0; loud[a] = false;
    taken[AT(a, number[a])] = x; number[a]++; head[a] = x;
    most[a] = (number[a] > most[a] -> number[a] : most[a])
}

inline back(a) {
    unwritten[a] = unwritten[a] & ~(1 << head[a]);
    pending[a] = own[a]; own[a] = 0; undo[a] = false;
    number[a]--; taken[AT(a, number[a])] = 0;
    head[a] = (number[a] -> taken[AT(a, number[a] - 1)] : 0)
}

inline publish(x) {
    k = 0;
    do :: k < lives && live[k] != x -> k++ :: else -> break od;
    if :: k == lives -> live[lives] = x; lives++ :: else fi
}

inline make(on, by, who) {
    frames++; prev[frames] = on; epoch[frames] = NUMBER(on); maker[frames] = by; takers[frames] = who
}

#if defined(STALE_ANSWERS) || !defined(ONE_ORDER)  /* by a lying broker an old frame is still to come to anybody */
#define KNOWS(a, b) true
#else
#define KNOWS(a, b) (cursor[a] >= mark[b])         /* it has seen the question, and so all that came before */
#endif
#define SILENT(a) (!TOLD(a, 0) && !TOLD(a, 1) && !TOLD(a, 2))

active proctype world() {
    d_step { phase[0] = LIVE; phase[1] = LIVE; phase[2] = LIVE; prev[0] = 0 }
    do
    :: atomic { /* a message: sealed on the present state, stored, then published */
        frames < FRAMES -> honest(i);
        if
        :: phase[i] == LIVE && !pending[i] -> d_step {
            make(head[i], i, 7);
#ifdef PUBLISH_FIRST
            publish(frames);
#endif
            pending[i] = frames; loud[i] = true; rest() }
        :: else -> i = 0
        fi }
    :: atomic { honest(i);
        if :: loud[i] && phase[i] == LIVE -> d_step {
            publish(pending[i]); loud[i] = false;
#ifdef ECHO_UNSEEN
            f = pending[i]; take(i, f);
#endif
            rest() } :: else -> i = 0 fi }
    :: atomic { honest(i); /* after its echo the winner writes the slot */
        if
        :: unwritten[i] && UP(i) -> d_step {
            f = 1;
            do :: !(unwritten[i] & (1 << f)) -> f++ :: else -> break od;
            slot[epoch[f]] = f; unwritten[i] = unwritten[i] & ~(1 << f); rest() }
        :: else -> i = 0
        fi }
    :: atomic { honest(i); /* a frame of the live topic comes */
#ifdef ONE_ORDER
        g = cursor[i];
#else
        do :: g + 1 < lives -> g++ :: break od;
#endif
        if
        :: phase[i] == LIVE && g < lives -> d_step {
            f = live[g];
#ifdef ONE_ORDER
            cursor[i]++;
#endif
            if
            :: FITS(i, f) && CAN(i, f) -> take(i, f); settle(i)
            :: FITS(i, f) && !CAN(i, f) -> phase[i] = SYNC; settle(i)
            :: !FITS(i, f) && epoch[f] >= number[i] -> phase[i] = SYNC; settle(i) /* doubt, not dispelled */
            :: else
            fi;
            rest() }
        :: else -> i = 0; g = 0
        fi }
    :: atomic { honest(i); /* the connection goes, or the power */
        if
        :: UP(i) && drops < DROPS -> d_step {
            drops++; phase[i] = OFF; settle(i); loud[i] = false; chased[i] = false; rest() }
        :: UP(i) && crashes < CRASHES -> d_step { crashes++; phase[i] = OFF; settle(i); chased[i] = false;
#ifdef PUBLISH_FIRST
            if :: loud[i] -> pending[i] = 0 :: else fi;      /* published, and not stored yet */
#endif
            loud[i] = false; rest() }
        :: else -> i = 0
        fi }
    :: atomic { honest(i);
        if :: phase[i] == OFF -> d_step { phase[i] = SYNC; cursor[i] = lives; rest() } :: else -> i = 0 fi }
    :: atomic { honest(i); /* where is the group? */
        if :: phase[i] == SYNC && !asked[i] -> d_step { asked[i] = true; mark[i] = lives; rest() } :: else -> i = 0 fi }
    :: atomic { honest(i); /* a live member answers, or the liar anything */
        if :: j = 0 :: j = 1 :: j = 2 fi;
        do :: f < frames -> f++ :: break od;
        if
        :: i != j && asked[i] && j != LIAR && phase[j] == LIVE && KNOWS(j, i) && !TOLD(i, j) ->
            d_step { TOLD(i, j) = head[j] + 1; rest() }
#ifndef MUTE
        :: i != j && asked[i] && j == LIAR && !TOLD(i, j) -> d_step { TOLD(i, j) = f + 1; rest() }
#endif
        :: else -> i = 0; j = 0; f = 0
        fi }
    :: atomic { honest(i); /* it decides by what it was told: the furthest first, of two that with the smaller head */
        if :: j = 0 :: j = 1 :: j = 2 fi;
        if
        :: asked[i] && i != j && TOLD(i, j) -> d_step {
            g = TOLD(i, j) - 1;                               /* g: where j says the group is */
            f = 0; k = 0;
            if
            :: NUMBER(g) > number[i] ->                       /* the next frame: its slot, or a live member (need) */
                f = slot[number[i]];
                if :: !(f && FITS(i, f) && CAN(i, f)) && j != LIAR -> f = taken[AT(j, number[i])] :: else fi;
                k = (f && prev[f] != head[i] -> prev[f] : 0)  /* it stands on another one in our last one's place */
            :: NUMBER(g) == number[i] && g != head[i] -> k = g
            :: else
            fi;
            if
            :: g == head[i] ->
                phase[i] = LIVE; settle(i); chased[i] = false; failed[i] = false; loud[i] = (pending[i] != 0)
            :: g != head[i] && f && FITS(i, f) && CAN(i, f) -> take(i, f)
            :: g != head[i] && !(f && FITS(i, f) && CAN(i, f)) && k && undo[i] && number[i] &&
                epoch[k] == number[i] - 1 && prev[k] == prev[head[i]] && (takers[k] & (1 << i)) &&
                (maker[k] != i || own[i] == k) -> back(i); take(i, k)
#ifdef BACK_TWO
            :: NUMBER(g) == number[i] && g != head[i] && undo[i] && number[i] > 1 && prev[g] != prev[head[i]] &&
                prev[prev[g]] == prev[prev[head[i]]] && CAN(i, prev[g]) -> back(i); back(i); f = prev[g]; take(i, f)
#endif
            :: else -> chased[i] = chased[i] || k; failed[i] = failed[i] || NUMBER(g) >= number[i]; TOLD(i, j) = 0
            fi;
            rest() }
        :: else -> i = 0; j = 0
        fi }
    :: atomic { honest(i); /* nobody answers: live alone */
        if
        :: asked[i] && SILENT(i) && !failed[i] && (ALONE(i) || LIES) -> d_step {
            phase[i] = LIVE; settle(i); loud[i] = (pending[i] != 0); rest() }
        :: else -> i = 0
        fi }
    :: atomic { honest(i); /* it cannot be had: a person must choose, or an agreement takes us in again */
        if
        :: asked[i] && failed[i] -> d_step {
            phase[i] = (chased[i] -> FORKED : REJOIN); settle(i);
            pending[i] = 0; unwritten[i] = 0; loud[i] = false; rest() }
        :: else -> i = 0
        fi }
#if LIAR != 3 && !defined(MUTE)
    :: atomic { /* a liar's frame on any honest member's position, for whom it likes; false slots */
        if
        :: frames < FRAMES -> honest(i);
            if :: f = 1 :: f = 2 :: f = 3 :: f = 4 :: f = 5 :: f = 6 :: f = 7 fi;
            d_step { make(head[i], LIAR, f); publish(frames); rest() }
        :: frames > 0 ->
            do :: f + 1 < frames -> f++ :: break od;
            true;
            d_step { f++; slot[epoch[f]] = f; rest() }
        fi }
#endif
    od
}

#define APART(a, b, e) (taken[AT(a, e)] && taken[AT(b, e)] && taken[AT(a, e)] != taken[AT(b, e)])
#define ANY_APART(e) (APART(0, 1, e) || APART(0, 2, e) || APART(1, 2, e))
#define LAST (FRAMES - 1)
#define SAME(a, b) (head[a] == head[b] && head[a])
#define PASTS(a, b) (SAME(a, b) && (number[a] != number[b] || APART(a, b, 0) || APART(a, b, 1) || APART(a, b, LAST)))

ltl safe { [] !(deep || PASTS(0, 1) || PASTS(0, 2) || PASTS(1, 2)) }
ltl one_winner { [] !(ANY_APART(0) || ANY_APART(1) || ANY_APART(LAST)) }
ltl one_past { [] !(PASTS(0, 1) || PASTS(0, 2) || PASTS(1, 2)) }
ltl one_back { [] !deep }
ltl none_out { [] !(phase[0] >= FORKED || phase[1] >= FORKED || phase[2] >= FORKED) }
