package model

// play is a row of media_history.
type play struct {
	seq                       int64
	channel                   string
	startMS, endMS            int64
	endedBy                   string // "" while it plays
	mediaType, mediaID, title string
	seconds                   float64
	queuedBy                  string
	resumed                   bool
	lastSeq                   int64 // the last media.changed of it; positions do not count
}

// maxPosition bounds how long an item can have been playing, in seconds.
const maxPosition = 1e9

// media follows what plays, as the leader tells it.
func (m *Model) media(e *event, w watch) {
	if !w.leading {
		return
	}
	var playing *play
	if list := m.plays[e.channelName]; len(list) > 0 && list[len(list)-1].endedBy == "" {
		playing = list[len(list)-1]
	}
	switch e.kind {
	case "media.changed":
		start := e.at
		if e.truth("resumed") {
			if playing != nil && playing.mediaType == e.text("media_type") && playing.mediaID == e.text("media_id") {
				playing.lastSeq = e.seq // it played on while nobody looked
				return
			}
			// It was playing before the bot came. What played before it ended
			// unseen.
			if pos := e.number("current_time"); pos > 0 {
				start -= int64(min(pos, maxPosition) * 1000)
			}
			if playing != nil {
				playing.end(w.lastSeen(e), "unobserved")
			}
		} else if playing != nil {
			playing.end(e.at, "next")
		}
		m.plays[e.channelName] = append(m.plays[e.channelName], &play{
			seq: e.seq, channel: e.channelName, startMS: start, mediaType: e.text("media_type"), mediaID: e.text("media_id"), title: e.text("title"),
			seconds: e.number("seconds"), queuedBy: e.text("queued_by"), resumed: e.truth("resumed"), lastSeq: e.seq,
		})
	case "media.ended":
		if playing != nil {
			playing.end(e.at, "ended")
		}
	case "user.roster":
		// What plays is told before the roster. What was not told has ended.
		if w.resumed && playing != nil && playing.lastSeq < w.connectedSeq {
			playing.end(w.gapFromMS, "unobserved")
		}
	}
}

func (p *play) end(at int64, by string) { p.endMS, p.endedBy = max(at, p.startMS), by }

// lastSeen is the last moment at which what went on before was observed.
func (w watch) lastSeen(e *event) int64 {
	if w.observing {
		return e.at
	}
	return w.suspendedMS
}
