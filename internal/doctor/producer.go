package doctor

// Verdict says of one producer whether all it ever numbered is there.
type Verdict string

// The verdicts.
const (
	// VerdictComplete: 1 to the last one without a gap, and somebody vouches for
	// the last: the next run, the spool, or its own orderly end.
	VerdictComplete Verdict = "complete"
	// VerdictRunning: the newest run on its spool, or the holder of the right to
	// record. What it has not sent yet waits with it.
	VerdictRunning Verdict = "running"
	// VerdictStandby: it has begun and recorded nothing, because another run has the
	// right to.
	VerdictStandby Verdict = "standing by"
	// VerdictWaiting: an earlier run whose last events still wait in the spool.
	VerdictWaiting Verdict = "waiting"
	// VerdictBehind: the tables end before the producer does; the stream has the
	// rest.
	VerdictBehind Verdict = "behind"
	// VerdictGaps: sequences are missing in the middle.
	VerdictGaps Verdict = "gaps"
	// VerdictTailMissing: somebody knows of a later end.
	VerdictTailMissing Verdict = "tail missing"
	// VerdictGivenUp: its end is not there, and an operator gave up as many events
	// where it may have been.
	VerdictGivenUp Verdict = "given up"
	// VerdictUnaccounted: nobody knows where the producer ended.
	VerdictUnaccounted Verdict = "tail unaccounted"
)

func (v Verdict) state() State {
	switch v {
	case VerdictGaps, VerdictTailMissing:
		return Wrong
	case VerdictUnaccounted:
		return Unknown
	}
	return OK
}

// Account is what one source holds of a producer.
type Account struct {
	// First and Last are the lowest and the highest sequence that is there; 0 for
	// none.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Count is how many sequences are there, copies not among them.
	Count uint64 `json:"count"`
	// Gaps are missing and not explained, Missing counts them.
	Gaps    []Span `json:"gaps"`
	Missing uint64 `json:"missing"`
	// Erased counts what is missing because messages were erased from the stream.
	Erased uint64 `json:"erased"`
	// Duplicates counts further copies of the same id.
	Duplicates uint64  `json:"duplicates"`
	Verdict    Verdict `json:"verdict"`
}

// Producer is one run of one bot, as all sources see it.
type Producer struct {
	Producer string `json:"producer"`
	Channel  string `json:"channel"`
	State    State  `json:"state"`
	// Stream is null where the stream could not be read, Tables where there is no
	// database.
	Stream *Account `json:"stream"`
	Tables *Account `json:"tables"`
	// Agree says whether both hold the same up to the database's checkpoint; null
	// where one of them is not at hand.
	Agree *bool `json:"agree"`
	// Waiting is how many of its events are in the spool and not in the stream yet;
	// null where its spool is not at hand.
	Waiting *uint64 `json:"waiting"`
	// Detail says what is behind a verdict that is not plain.
	Detail string `json:"detail,omitempty"`
}

// newAccount counts a set; explained is what may be missing.
func newAccount(present, explained spans, duplicates uint64) *Account {
	missing := present.gaps().minus(explained)
	return &Account{
		First: present.first(), Last: present.last(), Count: present.size(), Duplicates: duplicates,
		Gaps: append([]Span{}, missing...), Missing: missing.size(), Erased: present.gaps().size() - missing.size(),
	}
}

// tail is what is known about where a producer ended, from others than itself.
type tail struct {
	// last is the highest sequence that anybody knows of and that does not wait in
	// a spool.
	last uint64
	// vouched says that somebody knows where it ended, for good.
	vouched bool
	// newest is the newest run on a spool at hand, alive the holder of the lease.
	newest, alive bool
	// standby says that another run records its channel, and has all along.
	standby bool
	waiting uint64
	// open says that it went on behind a backup of which its spool was restored, upTo
	// how far it was when that was taken.
	open bool
	upTo uint64
}

// judge gives the verdict on what one source holds. erasedTail is how many
// sequences after the last one may have been erased from the stream, givenUp how
// many of them an operator may have given up.
func judge(a *Account, t tail, stopped bool, erasedTail, givenUp uint64) Verdict {
	switch {
	case a.Missing > 0:
		return VerdictGaps
	case t.last > a.Last && t.last-a.Last > erasedTail && t.last-a.Last <= givenUp:
		return VerdictGivenUp
	case t.last > a.Last && t.last-a.Last > erasedTail:
		return VerdictTailMissing
	case t.waiting > 0 && !t.newest:
		return VerdictWaiting
	case stopped && t.waiting == 0:
		return VerdictComplete
	case t.newest, t.alive:
		return VerdictRunning
	case t.vouched:
		return VerdictComplete
	case t.standby:
		return VerdictStandby
	}
	return VerdictUnaccounted
}
