package doctor

import "strings"

// adviseRebuilds reviews every advice to rebuild. It is taken back where the
// tables may hold what the stream does not: it is damaged, or its beginning is
// gone and was not given up, or it lists so much as erased that it may be lost. Where an archive has it a rebuild needs that. And a running projector has to be stopped first.
func (e *examination) adviseRebuilds() {
	const rebuild = "rosey replay"
	for name, c := range e.found {
		if !strings.Contains(c.Remedy, rebuild) {
			continue
		}
		switch {
		case name == TablesPresent && c.State == Unknown && e.cfg.stream == nil:
			// There is nothing to make them from yet.
			cause := ServerReachable
			if e.found[cause].State == OK {
				cause = StreamUsable
			}
			c.Remedy = "see " + cause + ": the tables are made from the stream"
		case e.found[StreamWhole].State == Wrong:
			c.Remedy = "rebuild nothing: the stream is damaged, and the tables may hold the only copy; see " + StreamWhole
		case e.related && len(e.onlyInTables()) > 0:
			c.Remedy = "rebuild nothing: the tables alone hold the beginning, which the stream has lost; back up the database first; see " + StreamErased
		case e.lost().Many():
			if name == StreamErased {
				continue // it says when one may
			}
			c.Remedy = "rebuild nothing before it is known whether the stream has lost what it lists as erased: the tables may hold the only copy; see " + StreamErased
		case e.archived.held != nil:
			c.Remedy = strings.Replace(c.Remedy, rebuild, rebuild+" --from-archive DIR", 1) + "   (" + StreamErased + " names the archive)"
		case e.projecting && strings.HasPrefix(strings.TrimPrefix(c.Remedy, "`"), rebuild):
			c.Remedy = "stop the projector, then " + c.Remedy
		case e.projecting:
			c.Remedy += "   (stop the projector first)"
		}
		e.found[name] = c
	}
}
