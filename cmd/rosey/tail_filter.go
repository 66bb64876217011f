package main

import (
	"fmt"
	"slices"
	"strings"

	"rosey/events"
	"rosey/streams"
)

// kindFlag chooses kinds of events.
type kindFlag struct {
	Kind []string `help:"Only events of this kind or family, such as message.log or media. May be repeated." placeholder:"KIND"`
}

// maxSubjects is how many subjects the server is asked to filter by; filtering
// by more is slower than reading everything.
const maxSubjects = 16

// check refuses what names no kind: it would find nothing, in silence.
func (f kindFlag) check() error {
	families := map[string]bool{"cytube": true}
	for _, k := range events.Kinds() {
		family, _, _ := strings.Cut(string(k), ".")
		families[family] = true
	}
	for _, want := range f.Kind {
		known := want+"." == events.KindCyTubePrefix || strings.HasPrefix(want, events.KindCyTubePrefix)
		for _, k := range events.Kinds() {
			known = known || within(k, want)
		}
		if known {
			continue
		}
		family, _, _ := strings.Cut(want, ".")
		var near []string
		for _, k := range events.Kinds() {
			if within(k, family) {
				near = append(near, string(k))
			}
		}
		if near == nil {
			for name := range families {
				near = append(near, name)
			}
		}
		slices.Sort(near)
		return advise(fmt.Errorf("no kind of event is called %q", want), "--kind with one of: %s", strings.Join(near, ", "))
	}
	return nil
}

// within reports whether a kind is the one named, or in the family named.
func within(k events.Kind, name string) bool {
	rest, ok := strings.CutPrefix(string(k), name)
	return ok && (rest == "" || rest[0] == '.')
}

func (f kindFlag) matches(k events.Kind) bool {
	return len(f.Kind) == 0 || slices.ContainsFunc(f.Kind, func(name string) bool { return within(k, name) })
}

// subjects is what the server shall filter by, nil for nothing. Each kind comes
// with and without a channel behind it. Subjects must not overlap.
func (f kindFlag) subjects(also ...events.Kind) []string {
	if len(f.Kind) == 0 {
		return nil
	}
	names := slices.Clone(f.Kind)
	for _, k := range also {
		names = append(names, string(k))
	}
	slices.Sort(names)
	names = slices.Compact(names)
	var list []string
	for _, name := range names {
		wider := func(other string) bool { return other != name && within(events.Kind(name), other) }
		if !slices.ContainsFunc(names, wider) {
			list = append(list, events.SubjectPrefix+name, events.SubjectPrefix+name+".>")
		}
	}
	if len(list) > maxSubjects {
		return nil
	}
	return list
}

// eventFilter is everything tail can choose by.
type eventFilter struct {
	kindFlag
	User    string `help:"Only events in which this user takes part, without regard to case." placeholder:"NAME"`
	Channel string `help:"Only events of this channel." placeholder:"NAME"`

	// otherChannel is where events belong whose publisher named no channel.
	otherChannel string
}

// seen is one message, decoded as far as it can be.
type seen struct {
	msg   streams.Message
	kind  events.Kind
	event *events.Event // nil where the message cannot be read
}

// look decodes a message and reports whether it is wanted.
func (f eventFilter) look(m streams.Message) (seen, bool) {
	s := seen{msg: m}
	kind, channel, ok := events.ParseSubject(m.Subject)
	if s.kind = kind; ok {
		if e, err := events.Decode(kind, m.Data); err == nil {
			s.event = e
			if e.Channel == "" {
				e.Channel = channel
			}
			if e.Channel == "" {
				e.Channel = f.otherChannel
			}
		}
	}
	if !f.matches(kind) {
		return s, false
	}
	if f.User == "" && f.Channel == "" {
		return s, true
	}
	if s.event == nil {
		return s, false
	}
	return s, (f.Channel == "" || strings.EqualFold(s.event.Channel, f.Channel)) && (f.User == "" || takesPart(s.event, f.User))
}

// takesPart reports whether an event is about a user, by whatever name it
// mentions.
func takesPart(e *events.Event, name string) bool {
	is := func(other string) bool { return strings.EqualFold(other, name) }
	switch p := e.Payload.(type) {
	case *events.MessageLog:
		return is(p.Username)
	case *events.MessagePrivate:
		return is(p.Username) || is(p.Recipient)
	case *events.UserJoined:
		return is(p.Username)
	case *events.UserLeft:
		return is(p.Username)
	case *events.UserUpdated:
		return is(p.Username)
	case *events.UserRoster:
		return slices.ContainsFunc(p.Users, func(u events.User) bool { return is(u.Username) })
	case *events.MediaChanged:
		return is(p.QueuedBy)
	case *events.PlaylistAdded:
		return is(p.QueuedBy)
	case *events.Poll:
		return is(p.Initiator)
	case *events.PollClosed:
		return is(p.Initiator)
	case *events.ChatCleared:
		return is(p.Username)
	case *events.ChannelLeader:
		return is(p.Username)
	case *events.Announcement:
		return is(p.From)
	case *events.BotJoined:
		return is(p.Username)
	}
	return false
}
