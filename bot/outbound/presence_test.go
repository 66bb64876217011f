package outbound

import (
	"testing"

	"rosey/streams"
)

// A bot that is there and can speak counts most, then one that is there.
func TestPresence_WhatIsThere(t *testing.T) {
	t.Parallel()
	named := streams.Heartbeat{Channel: "Lounge", Joined: true, Name: "rosey"}
	anonymous := streams.Heartbeat{Channel: "lounge", Joined: true}
	coming := streams.Heartbeat{Channel: "lounge", Name: "rosey"}
	elsewhere := streams.Heartbeat{Channel: "attic", Joined: true, Name: "rosey"}
	for _, tt := range []struct {
		bots []streams.Heartbeat
		want string
	}{
		{nil, BotAbsent},
		{[]streams.Heartbeat{elsewhere}, BotAbsent},
		{[]streams.Heartbeat{coming, elsewhere}, BotComing},
		{[]streams.Heartbeat{anonymous, coming}, BotAnonymous},
		{[]streams.Heartbeat{coming, anonymous}, BotAnonymous},
		{[]streams.Heartbeat{coming, anonymous, named}, BotPresent},
		{[]streams.Heartbeat{named, coming}, BotPresent},
	} {
		if got := Presence(tt.bots, "lounge"); got != tt.want {
			t.Errorf("of %+v: %s, want %s", tt.bots, got, tt.want)
		}
	}
}
