package projector

// The points at which Config.Crash is called, beside one after each projection's
// rows.
const (
	crashBeforeLink   = "projector.before_link" // a first database, before readers see it
	crashAfterLink    = "projector.after_link"
	crashBeforeBegin  = "projector.before_begin"
	crashBeforeCommit = "projector.before_commit"
	crashAfterCommit  = "projector.after_commit"
	crashBeforeAck    = "projector.before_ack"
	crashAfterAck     = "projector.after_ack"

	crashAfterRows = "projector.after_" // and the projection's name
)

// CrashPoints lists the names that Config.Crash is called with, in the order in
// which a projector comes by them.
func CrashPoints() []string {
	list := []string{crashBeforeLink, crashAfterLink, crashBeforeBegin}
	for _, d := range definitions {
		list = append(list, crashAfterRows+d.name)
	}
	return append(list, crashBeforeCommit, crashAfterCommit, crashBeforeAck, crashAfterAck)
}
