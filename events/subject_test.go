package events

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// matches reports whether a subject is matched by a pattern, as a server does:
// "*" is one token, ">" is one or more.
func matches(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return len(s) > i
		case i >= len(s), token != "*" && token != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}

func bound(subject string) []string {
	var by []string
	for _, pattern := range StreamSubjects() {
		if matches(pattern, subject) {
			by = append(by, pattern)
		}
	}
	return by
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, subject string
		want             bool
	}{
		{"a.b", "a.b", true},
		{"a.b", "a.b.c", false},
		{"a.*", "a.b", true},
		{"a.*", "a", false},
		{"a.*", "a.b.c", false},
		{"a.>", "a.b.c", true},
		{"a.>", "a", false},
	} {
		if got := matches(tt.pattern, tt.subject); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.subject, got)
		}
	}
}

func TestSubject_EachKindIsBoundOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range kindList() {
		for _, subject := range []string{Subject(kind), SubjectFor(kind, "main"), SubjectFor(kind, "a.b *>")} {
			if by := bound(subject); len(by) != 1 {
				t.Errorf("%s is bound by %q, want exactly one", subject, by)
			}
		}
	}
}

func TestSubject_ServicesAreNeverBound(t *testing.T) {
	t.Parallel()
	services := ServiceSubjects()
	if len(services) < 10 {
		t.Fatalf("only %d services", len(services))
	}
	for _, subject := range services {
		for _, s := range []string{subject, subject + ".main"} {
			if by := bound(s); len(by) != 0 {
				t.Errorf("the stream would answer %s itself, bound by %q", s, by)
			}
		}
		if kind, _, ok := ParseSubject(subject); ok {
			t.Errorf("%s parses as events of kind %s", subject, kind)
		}
	}
}

// A server refuses a stream whose own subjects overlap.
func TestStreamSubjects_DoNotOverlap(t *testing.T) {
	t.Parallel()
	list := StreamSubjects()
	if !slices.IsSorted(list) {
		t.Error("not in order")
	}
	for _, a := range list {
		for _, b := range list {
			sample := strings.NewReplacer("*", "x", ">", "x.y").Replace(b)
			if a != b && matches(a, sample) {
				t.Errorf("%s and %s overlap", a, b)
			}
		}
	}
}

func TestParseSubject_InvertsSubject(t *testing.T) {
	t.Parallel()
	kinds := kindList()
	for _, kind := range kinds {
		if k, channel, ok := ParseSubject(Subject(kind)); !ok || k != kind || channel != "" {
			t.Errorf("%s parses as %q %q %v", Subject(kind), k, channel, ok)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		if rapid.Bool().Draw(t, "cytube") {
			kind = CyTubeKind(drawText(t, "event"))
		}
		channel := drawText(t, "channel")
		subject := SubjectFor(kind, channel)
		if k, c, ok := ParseSubject(subject); !ok || k != kind || c != channel {
			t.Fatalf("%s parses as %q %q %v, want %q %q", subject, k, c, ok, kind, channel)
		}
	})
}

func TestParseSubject_Situations(t *testing.T) {
	t.Parallel()
	d := NewDecoder()
	for _, tt := range []struct {
		subject string
		kind    Kind
		channel string
		ok      bool
	}{
		{"rosey.db.message.log", KindMessageLog, "", true},
		{"rosey.db.message.log.main", KindMessageLog, "main", true},
		{"rosey.db.message.log.a=2Eb", KindMessageLog, "a.b", true},
		{"rosey.db.message.log.odd=zz", KindMessageLog, "odd=zz", true}, // another publisher's own encoding
		{"rosey.db.messages.outbound.mark_sent.main", KindMarkSent, "main", true},
		{"rosey.db.user.renamed", "user.renamed", "", true},
		{"rosey.db.user.renamed.main", "user.renamed", "main", true},
		{"rosey.db.media.a.b.c", "media.a.b.c", "", true},
		{"rosey.db.cytube.x=2Ey.main", "cytube.x=2Ey", "main", true},
		{subject: "rosey.db.message.unknown"},
		{subject: "rosey.db.message.log.main.more"},
		{subject: "rosey.db.message.log."},
		{subject: "rosey.db.messages.outbound.get"},
		{subject: "rosey.db.user"},
		{subject: "rosey.db.user."},
		{subject: "rosey.db.user..x"},
		{subject: "rosey.db.user.joined."},
		{subject: "rosey.db."},
		{subject: "rosey.other.user.joined"},
		{subject: ""},
	} {
		kind, channel, ok := ParseSubject(tt.subject)
		if ok != tt.ok || ok && (kind != tt.kind || channel != tt.channel) {
			t.Errorf("%q parses as %q %q %v, want %q %q %v", tt.subject, kind, channel, ok, tt.kind, tt.channel, tt.ok)
		}
		for range 2 { // the second time it is known
			if k, c, o := d.Subject(tt.subject); k != kind || c != channel || o != ok {
				t.Errorf("%q is read as %q %q %v, want %q %q %v", tt.subject, k, c, o, kind, channel, ok)
			}
		}
	}
}

func TestToken_Inverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.Custom(func(t *rapid.T) string { return drawText(t, "text") }),
			rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) })).Draw(t, "name")
		token := Token(name)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n") {
			t.Fatalf("%q became %q, which is no token", name, token)
		}
		if back, ok := ParseToken(token); !ok || back != name {
			t.Fatalf("%q became %q and then %q %v", name, token, back, ok)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"", "=", "a", "=2E", "=2e", "=41", "==", "=2", "a=", "=E7=8C=AB"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if name, ok := ParseToken(token); ok && Token(name) != token {
			t.Errorf("%q reads %q, which is written %q", token, name, Token(name))
		}
	})
}

func FuzzParseSubject(f *testing.F) {
	for _, kind := range kindList() {
		f.Add(SubjectFor(kind, "main"))
	}
	for _, s := range append(ServiceSubjects(), "", "rosey.db.", "rosey.db.user..", "rosey.db.media.a.b.c.=") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		kind, channel, ok := ParseSubject(subject)
		if !ok {
			return
		}
		if len(bound(subject)) != 1 {
			t.Fatalf("%q parses as %q, but the stream does not bind it once: %q", subject, kind, bound(subject))
		}
		if subject != Subject(kind) && !strings.HasPrefix(subject, Subject(kind)+".") {
			t.Fatalf("%q parses as %q", subject, kind)
		}
		if k, c, ok := ParseSubject(SubjectFor(kind, channel)); strings.Count(string(kind), ".") < 2 && (!ok || k != kind || c != channel) {
			t.Fatalf("%q %q parses as %q %q %v", kind, channel, k, c, ok)
		}
	})
}

func TestParseID_InvertsMakeID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		producer := rapid.StringMatching(`[a-z2-7]{1,9}(-[a-z2-7]{1,9})?`).Draw(t, "producer")
		sequence := rapid.Uint64Range(1, 1<<63-1).Draw(t, "sequence")
		if p, s, ok := ParseID(MakeID(producer, sequence)); !ok || p != producer || s != sequence {
			t.Fatalf("%s-%d parses as %q %d %v", producer, sequence, p, s, ok)
		}
	})
	for _, id := range []string{
		"", "-", "p", "p-", "-1", "p-0", "p-01", "p-+1", "p--1x", "p-x", "p-18446744073709551616", "p-9223372036854775808",
		"550e8400-e29b-41d4-a716-446655440000",
	} {
		if p, s, ok := ParseID(id); ok {
			t.Errorf("%q parses as %q %d", id, p, s)
		}
	}
}
