/* delivery.pml - the delivery protocol: one producer, a broker that redelivers
 * in any order and hands back what no queue takes, two consumers, one database;
 * every party may die at any step. A database that dies takes both consumers'
 * transactions with it: undone, or done and the answer lost.
 *
 * Two messages: 0 is good, 1 holds a bad record. A quiet state (all sent and
 * checkpointed, queues empty, nobody busy) must show each message accounted
 * for exactly once: loaded if good, rejected if bad. Each mutation below
 * breaks one rule of the protocol; run.sh sees spin find a trace for each.
 *
 *   ACK_BEFORE_COMMIT   the consumer acknowledges, then commits
 *   NO_LEDGER           a redelivered message is loaded again
 *   EARLY_CHECKPOINT    the producer checkpoints what is not confirmed
 *   LEDGER_APART        the ledger is written in a transaction of its own
 *   DROP_BAD            a bad record is acknowledged and forgotten
 *   BLIND_DEAD          dead letters are filed as rejects without the ledger
 *   CONFIRM_EARLY       the broker confirms before the message is on disk
 *   RETURNED_CONFIRMED  what the broker hands back passes for confirmed
 *   MOVED_EARLY         the file leaves before its last message is confirmed
 *   COMMIT_UNCHECKED    a commit without an answer passes for done
 */
#define N 2
#define BAD 1
#ifndef DEATHS
#define DEATHS 3
#endif

byte checkpoint;          /* durable: messages proven confirmed */
byte position;            /* the producer's, lost when it dies */
byte wire[N];             /* sent, not on the broker's disk */
bool confirmed[N];        /* the producer has seen the confirm */
bool again[N];            /* came back, to be sent again */
bool moved;               /* durable: the file is in processed */
byte ready[N], dead[N];   /* on the broker's disk, each copy counted */
byte held[4];             /* [c * N + m]: delivered to consumer c, not acked */
bool from_dead[4];
bool claimed[4];          /* in consumer c's open transaction */
byte phase[2];            /* 0 collecting, 1 in a transaction, 2 committed */
bool ledger[N];           /* committed */
byte loaded[N], rejected[N];
byte deaths = DEATHS;
byte letters = 1;         /* how many deliveries may be dead-lettered */
byte returns = 1;         /* how many messages may find no queue */

#define H(c, m) held[(c) * N + (m)]
#define C(c, m) claimed[(c) * N + (m)]
#define D(c, m) from_dead[(c) * N + (m)]

/* The producer, or its connection, starts anew. */
inline begin_anew()
{
	position = (moved -> N : checkpoint);
	confirmed[0] = false; confirmed[1] = false;
	again[0] = false; again[1] = false
}

inline requeue(c, m)
{
	if
	:: H(c, m) > 0 && !D(c, m) -> ready[m] = ready[m] + H(c, m)
	:: H(c, m) > 0 && D(c, m) -> dead[m] = dead[m] + H(c, m)
	:: else
	fi;
	H(c, m) = 0; C(c, m) = false; D(c, m) = false
}

inline abandon(c)
{
	requeue(c, 0); requeue(c, 1); phase[c] = 0
}

inline account(c, m)
{
	if
	:: C(c, m) ->
		if
		:: m == BAD ->
#ifndef DROP_BAD
			rejected[m]++
#else
			skip
#endif
		:: else -> loaded[m]++
		fi;
#ifndef LEDGER_APART
		ledger[m] = true
#endif
	:: else
	fi;
	C(c, m) = false
}

#ifdef MOVED_EARLY
#define LAST position
#else
#define LAST checkpoint
#endif

/* There is no queue for it just now. */
inline hand_back(m)
{
	returns--; wire[m]--;
#ifdef RETURNED_CONFIRMED
	confirmed[m] = true
#else
	again[m] = true
#endif
}

proctype producer()
{
	byte m;
end:	do
	:: atomic { position < N -> wire[position]++; position++;
#ifdef EARLY_CHECKPOINT
		checkpoint = position
#endif
		}
#ifdef CONFIRM_EARLY
	:: atomic { wire[0] > 0 && !confirmed[0] -> confirmed[0] = true }
	:: atomic { wire[1] > 0 && !confirmed[1] -> confirmed[1] = true }
#endif
	:: atomic { again[0] -> again[0] = false; wire[0]++ }
	:: atomic { again[1] -> again[1] = false; wire[1]++ }
	:: atomic { checkpoint < N && confirmed[checkpoint] -> checkpoint++ }
	:: atomic { !moved && LAST == N -> moved = true }
	:: atomic { deaths > 0 -> deaths--; begin_anew() }
	od
}

/* Stores, confirms (or the confirm is lost with a death), loses what is not on
 * disk when it dies, requeues what was held. */
proctype broker()
{
end:	do
	:: atomic { wire[0] > 0 -> wire[0]--; ready[0]++; confirmed[0] = true }
	:: atomic { wire[1] > 0 -> wire[1]--; ready[1]++; confirmed[1] = true }
	:: atomic { letters > 0 && ready[0] > 0 ->
		letters--; ready[0]--; dead[0]++ }
	:: atomic { letters > 0 && ready[1] > 0 ->
		letters--; ready[1]--; dead[1]++ }
	:: atomic { returns > 0 && wire[0] > 0 -> hand_back(0) }
	:: atomic { returns > 0 && wire[1] > 0 -> hand_back(1) }
	:: atomic { deaths > 0 -> deaths--; wire[0] = 0; wire[1] = 0;
		begin_anew(); abandon(0); abandon(1) }
	od
}

inline take(c, m)
{
	if
	:: ready[m] > 0 -> ready[m]--; H(c, m)++
	:: ready[m] == 0 && dead[m] > 0 ->
#ifdef BLIND_DEAD
		dead[m]--; rejected[m]++
#else
		dead[m]--; H(c, m)++; D(c, m) = true
#endif
	fi
}

/* The insert into the ledger waits for another open transaction with the same
 * key, then claims the message only if it is new. */
#ifdef NO_LEDGER
#define MAY_CLAIM(c, m) true
#define IS_NEW(c, m) (H(c, m) > 0)
#else
#define MAY_CLAIM(c, m) (H(c, m) == 0 || !C(1 - (c), m))
#define IS_NEW(c, m) (H(c, m) > 0 && !ledger[m])
#endif

proctype consumer(byte c)
{
end:	do
	:: atomic { phase[c] == 0 && H(c, 0) == 0 && (ready[0] > 0 || dead[0] > 0)
		-> take(c, 0) }
	:: atomic { phase[c] == 0 && H(c, 1) == 0 && (ready[1] > 0 || dead[1] > 0)
		-> take(c, 1) }
	/* begin and claim */
	:: atomic { phase[c] == 0 && (H(c, 0) > 0 || H(c, 1) > 0) &&
		MAY_CLAIM(c, 0) && MAY_CLAIM(c, 1) ->
		C(c, 0) = IS_NEW(c, 0); C(c, 1) = IS_NEW(c, 1); phase[c] = 1;
#ifdef ACK_BEFORE_COMMIT
		H(c, 0) = 0; H(c, 1) = 0; D(c, 0) = false; D(c, 1) = false
#endif
		}
	/* commit */
	:: atomic { phase[c] == 1 -> 
#ifdef LEDGER_APART
		skip; }
		atomic { phase[c] == 1 ->
		if :: C(c, 0) -> ledger[0] = true :: else fi;
		if :: C(c, 1) -> ledger[1] = true :: else fi; }
		atomic {
		if
		:: phase[c] == 1 -> account(c, 0); account(c, 1); phase[c] = 2
		:: else
		fi
#else
		account(c, 0); account(c, 1); phase[c] = 2
#endif
		}
	/* acknowledge */
	:: atomic { phase[c] == 2 -> H(c, 0) = 0; H(c, 1) = 0;
		D(c, 0) = false; D(c, 1) = false; phase[c] = 0 }
	/* the consumer dies */
	:: atomic { deaths > 0 && (phase[c] > 0 || H(c, 0) > 0 || H(c, 1) > 0) ->
		deaths--; abandon(c) }
#ifdef LEDGER_APART
	/* ... between the two transactions */
	:: atomic { deaths > 0 && phase[c] == 1 -> deaths--;
		if :: C(c, 0) -> ledger[0] = true :: else fi;
		if :: C(c, 1) -> ledger[1] = true :: else fi;
		abandon(c) }
#endif
	od
}

/* A transaction that was open when the database died; the messages are still
 * the consumer's, which tries again. */
inline cut_off(c)
{
	if
	:: phase[c] == 1 ->
		if
		:: account(c, 0); account(c, 1) /* done, the answer lost */
		:: C(c, 0) = false; C(c, 1) = false
		fi;
#ifdef COMMIT_UNCHECKED
		phase[c] = 2
#else
		phase[c] = 0
#endif
	:: else
	fi
}

proctype database()
{
end:	do
	:: atomic { deaths > 0 && (phase[0] == 1 || phase[1] == 1) -> deaths--;
		cut_off(0); cut_off(1) }
	od
}

#define QUIET (moved && position == N && !again[0] && !again[1] && \
	wire[0] + wire[1] + ready[0] + ready[1] + dead[0] + dead[1] == 0 && \
	held[0] + held[1] + held[2] + held[3] == 0 && \
	phase[0] == 0 && phase[1] == 0)

proctype auditor()
{
end:	do
	:: d_step { QUIET ->
		assert(loaded[0] == 1 && rejected[0] == 0);
		assert(loaded[1] == 0 && rejected[1] == 1) }
	od
}

init {
	atomic { run producer(); run broker(); run consumer(0);
		run consumer(1); run database(); run auditor() }
}
