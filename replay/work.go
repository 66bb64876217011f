package replay

// Kinds of work that a running projector is asked for.
const (
	// KindRebuild makes the next generation from the stream.
	KindRebuild = "rebuild"
	// KindUndo goes back to the generation before.
	KindUndo = "undo"
	// KindRetry tries dead letters again, by a rebuild.
	KindRetry = "retry"
)

// Reasons for a Work.
const (
	ReasonAsked   = "asked"           // somebody asked for it
	ReasonProgram = "program changed" // another program made the tables
)

// Request is what a running projector is asked to do with its database. It goes
// on projecting meanwhile.
type Request struct {
	Kind string `json:"kind" rule:"required,enum=rebuild|undo|retry" doc:"What to do."`
	// AcceptGap rebuilds from where the stream begins.
	AcceptGap bool `json:"accept_gap,omitempty" doc:"Rebuild from where the stream begins, and give up what came before."`
	// AcceptErased replaces tables that have much of what the stream lists as erased.
	AcceptErased bool `json:"accept_erased,omitempty" doc:"Replace tables that have much of what the stream lists as erased; they are kept as a file."`
	// AcceptFailures goes on at an event that cannot be applied and was no dead
	// letter before.
	AcceptFailures bool `json:"accept_failures,omitempty" doc:"Go on at an event that cannot be applied and was no dead letter before."`
	// Archive is a folder that joins the stream where it begins, as the projector's
	// process sees it; "" for none.
	Archive string `json:"archive,omitempty" rule:"maxlen=4096" doc:"Folder of an archive that joins the stream, as the projector sees it."`
	// Keep is how many generations are kept; 0 for the default.
	Keep int `json:"keep,omitempty" rule:"min=0,max=1000" doc:"How many generations are kept; 0 for the default."`
	// Seqs are the dead letters to retry, all where none is named.
	Seqs []uint64 `json:"seqs,omitempty" rule:"maxitems=5000" doc:"The dead letters to try again. Default: all."`
	// Fresh leaves out what an interrupted rebuild has done.
	Fresh bool `json:"fresh,omitempty" doc:"Leave out what an interrupted rebuild has done."`
}

// Work is what came of a Request, or has so far.
type Work struct {
	// ID names it. "" is no work at all: there was none yet.
	ID      string  `json:"id"`
	Request Request `json:"request"`
	// Reason says why it is done: ReasonAsked or ReasonProgram.
	Reason    string `json:"reason"`
	Running   bool   `json:"running"`
	StartedMS int64  `json:"started_ms"`
	// EndedMS is 0 while it runs.
	EndedMS  int64    `json:"ended_ms,omitempty"`
	Progress Progress `json:"progress"`
	// Result is what a rebuild or an undo came to, Retried what a retry did. Nil
	// where it failed.
	Result  *Result  `json:"result,omitempty"`
	Retried *Retried `json:"retried,omitempty"`
	// Error says why it failed, Class what kind of failure that is, where it has one,
	// and Remedy what to do about it. Fail sets them.
	Error  string `json:"error,omitempty"`
	Class  string `json:"class,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// KeptSeq is the sequence from which the next rebuild goes on where this one was
	// interrupted, or stopped at a failure; 0 where it begins anew.
	KeptSeq uint64 `json:"kept_seq,omitempty"`
}
