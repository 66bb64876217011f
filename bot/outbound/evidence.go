package outbound

// finding is what the chat's history says about a line.
type finding int

const (
	unclear finding = iota
	shown
	notShown
)

// evidence is what is known of a line whose end nobody saw.
type evidence struct {
	name    string   // in whose name it was written
	shown   []string // what a reader would see of it
	afterMS int64    // of the newest line seen before it was written; 0 for none
	used    map[lineKey]bool
}

// judge reads the history that a later visit began with. CyTube throws the older
// connection of a name out before it sends the history to the newer one, and takes
// nothing from it afterwards: what is missing there was not shown, and never will
// be.
//
// That holds only for a history in which the line that came before ours is still
// to be seen. Where it is not, more may be gone: pushed out by later lines, cleared,
// or lost with a server that fell back to an older state.
func (e evidence) judge(h visited) (chatLine, finding) {
	from, anchors := 0, 0
	for i, l := range h.lines {
		if e.afterMS > 0 && l.timeMS == e.afterMS {
			from = i + 1
			anchors++
		}
	}
	best, found := unlike, chatLine{}
	others := false
	for _, l := range h.lines[from:] {
		// Behind the anchor the order counts, should the server's clock have been set.
		if !l.by(e.name) || e.used[keyOfLine(l)] || anchors == 0 && l.timeMS <= e.afterMS {
			continue
		}
		others = true
		if how := compare(l.text, e.shown); how > best {
			best, found = how, l
		}
	}
	switch {
	case best > unlike:
		return found, shown
	case anchors == 0, h.older:
		return chatLine{}, unclear
	case others:
		return chatLine{}, unclear // written in our name, and not alike: it may be ours as a filter left it
	case anchors > 1 && e.within(h.lines[:from]):
		return chatLine{}, unclear
	}
	return chatLine{}, notShown
}

// within reports whether one of several lines of the anchor's millisecond could be
// ours.
func (e evidence) within(lines []chatLine) bool {
	for _, l := range lines {
		if l.timeMS == e.afterMS && l.by(e.name) && compare(l.text, e.shown) > unlike {
			return true
		}
	}
	return false
}
