package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rosey/bot/outbound"
	"rosey/streams"
)

// OutboundInfo is what the outbound queue holds.
type OutboundInfo struct {
	// Waiting messages are not on their way yet, Due those of them whose time has
	// come.
	Waiting int `json:"waiting"`
	Due     int `json:"due"`
	// OldestDueMS is since when the first of them could have been sent, null where
	// none is due.
	OldestDueMS *int64 `json:"oldest_due_ms"`
	// Sending messages are on the wire, as far as is known.
	Sending int `json:"sending"`
	// Sent, Failed, Abandoned and Unknown ended within the last day.
	Sent      int `json:"sent"`
	Failed    int `json:"failed"`
	Abandoned int `json:"abandoned"`
	Unknown   int `json:"unknown"`
	// Foreign values in the bucket are no messages.
	Foreign int64 `json:"foreign"`
}

const (
	// sendLimit is how long a message may be due, or on the wire, before somebody
	// should know: an echo takes no longer than ten seconds.
	sendLimit = 2 * time.Minute
	// lately is how far back messages that ended count.
	lately = 24 * time.Hour
)

// lookAtOutbound looks at what the bot is asked to say.
func (e *examination) lookAtOutbound(ctx context.Context) {
	if e.cfg.stream == nil {
		return
	}
	e.lookForBots(ctx)
	q, err := outbound.OpenQueue(ctx, e.cfg.stream)
	var list []outbound.Message
	if err == nil {
		list, err = q.List(ctx, outbound.Filter{})
	}
	var lost *streams.UnreadableError
	switch {
	case errors.As(err, &lost):
		e.wrong(OutboundQueue, lost.BucketRemedy(), "nothing is sent: %v", lost)
		return
	case errors.Is(err, streams.ErrNoBucket):
		e.wrong(OutboundQueue, "rosey stream setup", "there is no queue for messages to the channel: %v", err)
		return
	case errors.Is(err, streams.ErrPermission):
		e.unknown(OutboundQueue, "use credentials that may look at the queue", "%v", err)
		return
	case err != nil:
		e.unknown(OutboundQueue, "try again, or look at the server's own log", "%v", err)
		return
	}
	info := &OutboundInfo{Foreign: q.Foreign()}
	e.report.Outbound = info
	queue := fmt.Sprintf("the queue holds %s", plural(len(list), "message"))
	if info.Foreign > 0 {
		queue += fmt.Sprintf(", and %s passed over: no messages", plural(int(info.Foreign), "value beside them is", "values beside them are"))
	}
	e.ok(OutboundQueue, "%s", queue)
	e.lookAtWaiting(list, info)
	e.lookAtSending(list, info)
	e.lookAtOutcomes(list, info)
}

// lookForBots notes who is alive. The report lists nobody where it cannot be told.
func (e *examination) lookForBots(ctx context.Context) {
	if e.cfg.Stopped {
		return // whoever said so last has ended since, or waits for the server
	}
	bots, err := e.cfg.stream.Bots(ctx)
	if err != nil {
		return
	}
	ended := e.followed()
	e.report.Bots = slices.DeleteFunc(bots, func(b streams.Heartbeat) bool { return ended[b.Producer] })
}

// followed are the runs that another one has followed on the same spool: they have
// ended, even where a heartbeat outlives them.
func (e *examination) followed() map[string]bool {
	ended := map[string]bool{}
	if e.scan != nil {
		for _, b := range e.scan.began {
			ended[b.previous] = true
		}
	}
	return ended
}

// silence is how long a bot that is alive may say nothing: a beat may come late.
const silence = streams.HeartbeatEvery + 2*time.Second

// beatsGoOn reports whether one of the bots still says that it is alive, after
// waiting for its next heartbeat where it should not have come yet; and when the
// last one came.
func (e *examination) beatsGoOn(ctx context.Context) (last time.Time, goOn bool) {
	seen := map[string]int64{}
	var lastMS int64
	for _, b := range e.report.Bots {
		seen[b.Producer] = b.BeatMS
		lastMS = max(lastMS, b.BeatMS)
	}
	last = time.UnixMilli(lastMS)
	// By another machine's clock it may be ahead.
	over := time.After(min(silence, silence-e.now.Sub(last)))
	for {
		select {
		case <-ctx.Done():
			return last, false
		case <-over:
			return last, false
		case <-time.After(beatLooks):
		}
		bots, err := e.cfg.stream.Bots(ctx)
		if err != nil {
			continue
		}
		for _, b := range bots {
			if before, known := seen[b.Producer]; known && b.BeatMS != before {
				return time.UnixMilli(b.BeatMS), true
			}
		}
	}
}

// beatLooks is how often a heartbeat is looked for.
const beatLooks = 200 * time.Millisecond

// inChannel reports whether a bot is alive on the channel, and whether one is in
// it.
func (e *examination) inChannel(channel string) (alive, joined bool) {
	for _, b := range e.report.Bots {
		if strings.EqualFold(b.Channel, channel) {
			alive, joined = true, joined || b.Joined
		}
	}
	return alive, joined
}

// lookAtWaiting says whether messages wait that nobody sends.
func (e *examination) lookAtWaiting(list []outbound.Message, info *OutboundInfo) {
	moved := map[string]time.Time{} // when something last happened on a channel
	late := map[string]int{}        // messages that have been due for too long
	for _, m := range list {
		if moved[m.Channel].Before(m.Changed) {
			moved[m.Channel] = m.Changed
		}
		if m.State != outbound.Queued && m.State != outbound.Claimed {
			continue
		}
		info.Waiting++
		if !m.Due(e.now) {
			continue
		}
		info.Due++
		since := dueSince(m)
		if info.OldestDueMS == nil || since.UnixMilli() < *info.OldestDueMS {
			ms := since.UnixMilli()
			info.OldestDueMS = &ms
		}
		if e.now.Sub(since) > sendLimit {
			late[m.Channel]++
		}
	}
	text := "no message waits"
	if info.Waiting > 0 {
		text = fmt.Sprintf("%s, %d of them due", plural(info.Waiting, "message waits", "messages wait"), info.Due)
	}
	var trouble []string
	remedy := "rosey bot https://cytu.be/r/YOURCHANNEL   (with the name of that channel)"
	for _, channel := range sorted(late) {
		n := plural(late[channel], "message has", "messages have")
		switch alive, joined := e.inChannel(channel); {
		case e.cfg.Stopped:
		case !alive:
			trouble = append(trouble, fmt.Sprintf("%s been due for long on channel %s, and no bot is alive there", n, channel))
		case !joined:
			remedy = "look at the bot's log: it says why it is not in the channel"
			trouble = append(trouble, fmt.Sprintf("%s been due for long on channel %s, and its bot is not in the channel", n, channel))
		case e.now.Sub(moved[channel]) > sendLimit:
			remedy = "look at the bot's log, and start the bot again"
			trouble = append(trouble, fmt.Sprintf("%s been due for long on channel %s, and its bot sends nothing", n, channel))
		}
	}
	switch {
	case len(trouble) > 0:
		e.wrong(OutboundWaiting, remedy, "%s", some(trouble))
	case e.cfg.Stopped && info.Due > 0:
		e.ok(OutboundWaiting, "%s; a bot sends them when it runs", text)
	default:
		e.ok(OutboundWaiting, "%s", text)
	}
}

// dueSince is since when a message could have been sent.
func dueSince(m outbound.Message) time.Time {
	return time.UnixMilli(max(m.QueuedMS, m.DueAt().UnixMilli()))
}

// lookAtSending says whether messages were left on the wire: a bot that ended
// meanwhile cannot say what became of them.
func (e *examination) lookAtSending(list []outbound.Message, info *OutboundInfo) {
	left := map[string]int{}
	for _, m := range list {
		if m.State != outbound.Sending {
			continue
		}
		info.Sending++
		if e.cfg.Stopped || e.now.Sub(m.Changed) > sendLimit {
			left[m.Channel]++
		}
	}
	var waiting, stuck []string
	for _, channel := range sorted(left) {
		text := fmt.Sprintf("%s on channel %s", plural(left[channel], "message"), channel)
		if _, joined := e.inChannel(channel); joined {
			stuck = append(stuck, text)
		} else {
			waiting = append(waiting, text)
		}
	}
	switch {
	case len(stuck) > 0:
		e.wrong(OutboundSending, "look at the bot's log, and start the bot again: it settles them as it joins", "left on the wire although a bot is in the channel: %s", some(stuck))
	case len(waiting) > 0:
		e.unknown(OutboundSending, "start the bot of that channel: what the channel sends again at its join tells whether they were shown",
			"a bot ended while it was sending, and nobody knows yet whether it was shown: %s", some(waiting))
	case info.Sending > 0:
		e.ok(OutboundSending, "%s being sent just now", plural(info.Sending, "message is", "messages are"))
	default:
		e.ok(OutboundSending, "no message was left on the wire")
	}
}

// cannotSpeak are the reasons that hold for whatever the bot says next.
var cannotSpeak = []string{outbound.ReasonMuted, outbound.ReasonNoPermission}

// lookAtOutcomes says what became of messages lately.
func (e *examination) lookAtOutcomes(list []outbound.Message, info *OutboundInfo) {
	reasons := map[string]int{}
	newest := map[string]outbound.Message{} // of each channel, what ended last
	for _, m := range list {
		counts := map[outbound.State]*int{
			outbound.Sent: &info.Sent, outbound.Failed: &info.Failed, outbound.Abandoned: &info.Abandoned, outbound.Unknown: &info.Unknown,
		}
		n, ended := counts[m.State]
		if !ended || e.now.Sub(m.Changed) > lately {
			continue
		}
		*n++
		if m.State != outbound.Sent && m.Reason != "" {
			reasons[m.Reason]++
		}
		if last, ok := newest[m.Channel]; !ok || !m.Changed.Before(last.Changed) {
			newest[m.Channel] = m
		}
	}
	text := fmt.Sprintf("within a day %d sent, %d failed, %d abandoned, %d unknown", info.Sent, info.Failed, info.Abandoned, info.Unknown)
	for i, reason := range sorted(reasons) {
		if i == 0 {
			text += ":"
		}
		text += fmt.Sprintf(" %s %d", reason, reasons[reason])
	}
	var silent []string
	for _, channel := range sorted(newest) {
		if m := newest[channel]; m.State == outbound.Failed && slices.Contains(cannotSpeak, m.Reason) {
			silent = append(silent, fmt.Sprintf("%s (%s)", channel, m.Reason))
		}
	}
	switch {
	case len(silent) > 0:
		e.wrong(OutboundOutcomes, "give the bot an account that may chat there, or unmute it; then: rosey outbound list --state failed, and rosey outbound retry ID",
			"the bot may not speak on %s; %s", some(silent), text)
	case info.Unknown > 0:
		e.unknown(OutboundOutcomes, "rosey outbound list --state unknown; where the channel did not show it: rosey outbound retry ID",
			"nobody can tell whether %s shown; %s", plural(info.Unknown, "message was", "messages were"), text)
	default:
		e.ok(OutboundOutcomes, "%s", text)
	}
}
