package doctor_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rosey/events"
	"rosey/internal/doctor"
	"rosey/streams"
)

var histories = flag.Int("histories", 6, "how many random histories are examined")

// Whatever two bots and others tell, in whatever order: the tables that are made of it
// are as they should be, by a rebuild and live, and when messages were erased.
func TestExamine_AnyHistoryIsHealthy(t *testing.T) {
	t.Parallel()
	for n := range *histories {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			random := rand.New(rand.NewPCG(7, uint64(n)))
			healthy := func(when string) {
				t.Helper()
				r := h.report(func(c *doctor.Config) { c.SearchLines = 1 + random.IntN(2)*1000 })
				for _, name := range []string{doctor.TablesIntegrity, doctor.TablesAgreement, doctor.TablesSearch, doctor.TablesSample, doctor.ProducersAgreement} {
					if c := check(t, r, name); c.State != doctor.OK {
						t.Errorf("history %d, %s: %+v", n, when, c)
					}
				}
			}
			bots := map[string]*run{}
			h.happen(random, bots, 80)
			h.project()
			healthy("rebuilt")
			h.happen(random, bots, 40)
			healthy("behind")
			h.keepUp(false)
			healthy("live")
			h.erase(1+random.Uint64N(h.end()-1), h.end()-1)
			healthy("erased since")
			h.project()
			healthy("erased before")
		})
	}
}

// happen has some steps of a history happen.
func (h *house) happen(random *rand.Rand, bots map[string]*run, steps int) {
	h.t.Helper()
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	name := func() string { return pick("ann", "Ann", "bob", "cy", "dee") }
	yes := func() bool { return random.IntN(2) == 0 }
	mark := func() *events.OutboundMark {
		return &events.OutboundMark{
			MessageID: 1 + random.Int64N(3), Message: pick("", "whisper"), Recipient: pick("", "ann"), QueuedMS: random.Int64N(3),
			SentMS: random.Int64N(2), Attempts: random.Int64N(4), Reason: pick("", "muted"),
		}
	}
	for range steps {
		on := pick("a", "a", "a", "b")
		r := bots[on]
		if r == nil {
			r = h.begin(on)
			bots[on] = r
		}
		switch random.IntN(22) {
		case 0:
			r.put(events.KindBotRecording, &events.BotRecording{Producer: r.producer, Term: random.Int64N(3)})
		case 1, 2:
			r.put(events.KindBotConnected, &events.BotConnected{Server: "ws://test"})
			r.put(events.KindBotJoined, &events.BotJoined{Username: pick("rosey", "Rosey")})
		case 3:
			r.put(events.KindBotDisconnected, &events.BotDisconnected{Reason: "network", ObservedMS: time.Now().UnixMilli() - random.Int64N(50)})
		case 4:
			if yes() {
				r.stop()
			} else {
				r.drain()
				r.die()
			}
			delete(bots, on)
		case 5, 6:
			roster := &events.UserRoster{}
			for range random.IntN(4) {
				roster.Users = append(roster.Users, events.User{Username: name(), AFK: yes(), Rank: float64(random.IntN(3))})
			}
			r.put(events.KindUserRoster, roster)
		case 7, 8:
			r.put(events.KindUserJoined, &events.UserJoined{User: events.User{Username: name(), AFK: yes(), Rank: float64(random.IntN(3))}})
		case 9:
			r.put(events.KindUserLeft, &events.UserLeft{Username: name()})
		case 10, 11:
			afk, rank := yes(), float64(random.IntN(3))
			r.put(events.KindUserUpdated, &events.UserUpdated{Username: name(), AFK: &afk, Rank: &rank})
		case 12, 13:
			r.put(events.KindUserCount, &events.Counts{Chat: random.Int64N(9), Connected: random.Int64N(9)})
		case 14:
			r.put(events.KindHighWater, &events.Counts{Chat: random.Int64N(9), Connected: random.Int64N(9)})
		case 15:
			text := pick("one", "two")
			r.put(events.KindStatusUpdate, &events.StatusUpdate{ChannelName: &text})
		case 16:
			r.put(events.KindMarkSent, mark())
		case 17:
			r.put(events.KindMarkFailed, mark())
		case 18:
			r.put(events.KindMessagePrivate, &events.MessagePrivate{Username: name(), Message: "whisper"})
		case 19:
			r.say(1)
		case 20: // somebody else tells, of this channel or another one
			kind, payload := events.KindMarkFailed, any(map[string]any{"id": 1 + random.IntN(3), "reason": "other"})
			if yes() {
				kind, payload = events.KindUserJoined, map[string]any{"user": map[string]any{"username": name()}, "username": name()}
			}
			body, err := json.Marshal(payload)
			if err != nil {
				h.t.Fatal(err)
			}
			body = append([]byte(fmt.Sprintf(`{"channel":%q,`, pick(channel, "second"))), body[1:]...)
			h.Append(h.t, streams.AppendMessage{Subject: events.Subject(kind), Data: body})
		case 21:
			r.drain()
		}
	}
	for _, r := range bots {
		r.drain()
	}
}
