package events

import (
	"sort"
	"strings"
)

// SubjectPrefix begins every subject, of events and services alike.
const SubjectPrefix = "rosey.db."

// Two ways subjects grow: below a tree family any number of tokens may follow,
// so new kinds need no change to the stream. The other families share their
// first token with service subjects, so each of their kinds is bound by name,
// bare and with one more token for the channel.
var treeFamilies = []string{"user", "media", "playlist", "poll", "channel", "bot", "cytube", "status", "operator"}

var boundKinds = []Kind{KindUserCount, KindHighWater, KindMessageLog, KindMessagePrivate, KindMarkSent, KindMarkFailed}

// services are the request/reply subjects. No stream may capture them: it would
// answer the request itself.
var services = []string{
	"messages.outbound.get", "messages.outbound.enqueue", "messages.outbound.cancel", "messages.outbound.status",
	"messages.outbound.list", "messages.outbound.retry",
	"stats.recent_chat.get",
	"query.user_stats", "query.channel_stats", "query.top_chatters", "query.user_count_history",
	"query.media_history", "query.search_chat", "query.status",
}

// Subject is the subject on which events of the kind are published.
func Subject(k Kind) string { return SubjectPrefix + string(k) }

// SubjectFor is the kind's subject with one more token that names the channel.
func SubjectFor(k Kind, channel string) string {
	return SubjectPrefix + string(k) + "." + Token(channel)
}

// ParseSubject is the inverse of Subject and SubjectFor. It reports false for a
// subject that carries no events. Kinds this program does not know parse too:
// below a tree family a kind has two tokens, and a third one is the channel.
func ParseSubject(subject string) (k Kind, channel string, ok bool) {
	rest, ok := strings.CutPrefix(subject, SubjectPrefix)
	if !ok {
		return "", "", false
	}
	family, _, _ := strings.Cut(rest, ".")
	for _, bound := range boundKinds {
		if rest == string(bound) {
			return bound, "", true
		}
		if tail, found := strings.CutPrefix(rest, string(bound)+"."); found {
			return bound, parseChannel(tail), validTokens(tail) && !strings.Contains(tail, ".")
		}
	}
	for _, tree := range treeFamilies {
		if family != tree {
			continue
		}
		tokens := strings.SplitN(rest, ".", 3)
		if len(tokens) < 2 || !validTokens(rest) {
			return "", "", false
		}
		kind := Kind(rest)
		if len(tokens) == 3 {
			kind, channel = Kind(rest[:len(rest)-len(tokens[2])-1]), tokens[2]
			if strings.Contains(channel, ".") {
				// Deeper than anything published today: keep it whole.
				return Kind(rest), "", true
			}
		}
		return kind, parseChannel(channel), true
	}
	return "", "", false
}

func parseChannel(token string) string {
	if name, ok := ParseToken(token); ok {
		return name
	}
	return token
}

func validTokens(s string) bool {
	for _, t := range strings.Split(s, ".") {
		if t == "" {
			return false
		}
	}
	return true
}

// StreamSubjects lists the subjects the stream binds: every event subject, with
// and without a channel token, and no service subject.
func StreamSubjects() []string {
	var list []string
	for _, f := range treeFamilies {
		list = append(list, SubjectPrefix+f+".>")
	}
	for _, k := range boundKinds {
		list = append(list, Subject(k), Subject(k)+".*")
	}
	sort.Strings(list)
	return list
}

// LeaseSubject is the service subject on which a program that sends messages itself
// is given them: a request that takes them from everybody else for a while.
const LeaseSubject = SubjectPrefix + "messages.outbound.get"

// ServiceSubjects lists the request/reply subjects.
func ServiceSubjects() []string {
	list := make([]string, len(services))
	for i, s := range services {
		list[i] = SubjectPrefix + s
	}
	return list
}
