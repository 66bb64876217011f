package measure

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"

	"rosey/events"
	"rosey/streams"
)

// Users is how many people a Generator's channel has seen in all.
const Users = 5000

// Channel is the channel that a Generator tells of.
const Channel = "evening"

const (
	generatorSeed  = 20
	generatorStart = 1_760_000_000_000 // Unix milliseconds
	crowd          = 150               // how many are there at a time, about
	historyLength  = 15                // lines that are sent again at a join
	reconnectEvery = 50_000            // events
)

// A Generator makes up the history of one channel as a bot would append it: people
// come, chat, go idle and leave, media plays, and now and then the line is lost and
// the latest chat comes a second time. The same history, byte for byte, comes from
// every Generator.
type Generator struct {
	rnd      *rand.Rand
	speakers *rand.Zipf
	producer string
	made     uint64
	nowMS    int64

	names   []string
	there   []int // users in the channel
	place   []int // user → index in there, -1 while away
	afk     []bool
	history []*events.Event // latest lines of chat
	uid     int64
	queue   []int64 // playlist
	next    []*events.Event
}

// NewGenerator begins the history anew.
func NewGenerator() *Generator {
	rnd := rand.New(rand.NewPCG(generatorSeed, generatorSeed))
	g := &Generator{
		rnd: rnd, speakers: rand.NewZipf(rnd, 1.1, 8, crowd-1), nowMS: generatorStart,
		producer: fmt.Sprintf("%016x", rnd.Uint64()),
		names:    make([]string, Users), place: make([]int, Users), afk: make([]bool, Users),
	}
	for i := range g.names {
		g.names[i] = g.word() + "_" + g.word() + strconv.Itoa(i)
		g.place[i] = -1
	}
	for len(g.there) < crowd {
		g.enter(rnd.IntN(Users))
	}
	g.say(events.KindBotStarted, &events.BotStarted{Producer: g.producer, BotVersion: "bench"}, "")
	g.say(events.KindBotRecording, &events.BotRecording{Producer: g.producer}, "")
	g.connect()
	return g
}

// Next makes the next event, numbered by its producer.
func (g *Generator) Next() *events.Event {
	if len(g.next) == 0 {
		g.nowMS += 50 + g.rnd.Int64N(1500)
		if g.made%reconnectEvery == reconnectEvery-1 {
			g.reconnect()
		} else {
			g.happen()
		}
	}
	e := g.next[0]
	g.next = g.next[1:]
	g.made++
	e.ID = events.MakeID(g.producer, g.made)
	return e
}

// Message makes the next event as it is appended.
func (g *Generator) Message() (streams.AppendMessage, error) {
	e := g.Next()
	data, err := events.Encode(e)
	if err != nil {
		return streams.AppendMessage{}, fmt.Errorf("measure: generate event %d: %w", g.made, err)
	}
	return streams.AppendMessage{Subject: events.Subject(e.Kind), MsgID: e.ID, Data: data}, nil
}

// Messages makes the next n events.
func (g *Generator) Messages(n int) ([]streams.AppendMessage, error) {
	list := make([]streams.AppendMessage, n)
	for i := range list {
		var err error
		if list[i], err = g.Message(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// happen lets one thing happen. The shares are those of a busy evening.
func (g *Generator) happen() {
	switch p := g.rnd.IntN(1000); {
	case p < 560:
		g.chat()
	case p < 780:
		g.comeOrGo()
	case p < 860:
		at := float64(g.rnd.IntN(7200)) / 4
		g.say(events.KindMediaUpdated, &events.MediaUpdated{CurrentTime: at},
			`{"event":"mediaUpdate","args":[{"currentTime":%v,"paused":false}]}`, at)
	case p < 910:
		g.idle()
	case p < 940:
		g.say(events.CyTubeKind("usercount"), nil, `{"event":"usercount","args":[%d]}`, len(g.there)+12)
	case p < 955:
		g.queueMedia()
	case p < 970:
		g.playNext()
	case p < 985:
		g.status()
	case p < 990:
		from := g.speaker()
		text := g.text()
		g.say(events.KindMessagePrivate, &events.MessagePrivate{Username: from, Recipient: "rosey", Message: text},
			`{"event":"pm","args":[{"username":%q,"msg":%q,"meta":{},"time":%d,"to":"rosey"}]}`, from, text, g.nowMS)
	default:
		g.say(events.KindUserCount, &events.Counts{Chat: int64(len(g.there)), Connected: int64(len(g.there)) + 12}, "")
	}
}

// say queues one event; platformData is a format, empty for what a bot derives.
func (g *Generator) say(kind events.Kind, p events.Payload, platformData string, args ...any) *events.Event {
	e := &events.Event{
		Platform: events.PlatformCyTube, Channel: Channel, TimeMS: g.nowMS, ReceivedMS: g.nowMS + 3, Kind: kind, Payload: p,
	}
	if platformData != "" {
		e.PlatformData = json.RawMessage(fmt.Sprintf(platformData, args...))
	}
	g.next = append(g.next, e)
	return e
}

func (g *Generator) chat() {
	who, text := g.speaker(), g.text()
	e := g.say(events.KindMessageLog, &events.MessageLog{Username: who, Message: text},
		`{"event":"chatMsg","args":[{"username":%q,"msg":%q,"meta":{},"time":%d}]}`, who, text, g.nowMS)
	if g.history = append(g.history, e); len(g.history) > historyLength {
		g.history = g.history[1:]
	}
}

func (g *Generator) comeOrGo() {
	if g.rnd.IntN(2*crowd) < len(g.there) {
		user := g.there[g.rnd.IntN(len(g.there))]
		g.leave(user)
		g.say(events.KindUserLeft, &events.UserLeft{Username: g.names[user]},
			`{"event":"userLeave","args":[{"name":%q}]}`, g.names[user])
		return
	}
	user := g.rnd.IntN(Users)
	if !g.enter(user) {
		g.chat()
		return
	}
	g.say(events.KindUserJoined, &events.UserJoined{User: g.user(user)},
		`{"event":"addUser","args":[{"name":%q,"rank":1,"profile":{"image":"","text":""},"meta":{"afk":false,"muted":false}}]}`, g.names[user])
}

func (g *Generator) idle() {
	user := g.there[g.rnd.IntN(len(g.there))]
	afk := !g.afk[user]
	g.afk[user] = afk
	g.say(events.KindUserUpdated, &events.UserUpdated{Username: g.names[user], AFK: &afk},
		`{"event":"setAFK","args":[{"name":%q,"afk":%t}]}`, g.names[user], afk)
}

func (g *Generator) queueMedia() {
	g.uid++
	item := events.PlaylistItem{
		UID: g.uid, Type: "yt", MediaID: fmt.Sprintf("%011x", g.rnd.Uint64N(1<<44)), Title: g.text(),
		Seconds: 240, Duration: "04:00", QueuedBy: g.speaker(),
	}
	g.say(events.KindPlaylistAdded, &events.PlaylistAdded{PlaylistItem: item, After: events.Append},
		`{"event":"queue","args":[{"item":{"uid":%d,"queueby":%q},"after":"append"}]}`, item.UID, item.QueuedBy)
	g.queue = append(g.queue, item.UID)
}

func (g *Generator) playNext() {
	if len(g.queue) == 0 {
		g.queueMedia()
		return
	}
	uid := g.queue[0]
	g.queue = g.queue[1:]
	media := &events.MediaChanged{
		Type: "yt", MediaID: fmt.Sprintf("%011x", g.rnd.Uint64N(1<<44)), Title: g.text(), Seconds: 240, Duration: "04:00",
		UID: &uid, QueuedBy: g.speaker(),
	}
	g.say(events.KindPlaylistCurrent, &events.PlaylistCurrent{UID: uid}, `{"event":"setCurrent","args":[%d]}`, uid)
	g.say(events.KindMediaChanged, media,
		`{"event":"changeMedia","args":[{"id":%q,"title":%q,"seconds":240,"duration":"04:00","type":"yt"}]}`, media.MediaID, media.Title)
	g.say(events.KindPlaylistRemoved, &events.PlaylistRemoved{UID: uid}, `{"event":"delete","args":[{"uid":%d}]}`, uid)
}

func (g *Generator) status() {
	name, title, there, connected := "rosey", g.text(), int64(len(g.there)), int64(len(g.there))+12
	online := true
	g.say(events.KindStatusUpdate, &events.StatusUpdate{
		BotName: &name, ChatUsers: &there, ConnectedUsers: &connected, MediaTitle: &title, BotConnected: &online,
	}, "")
}

// reconnect loses the line for a moment.
func (g *Generator) reconnect() {
	g.say(events.KindBotDisconnected, &events.BotDisconnected{Reason: "connection_lost", ObservedMS: g.nowMS}, "")
	g.nowMS += 5000
	g.connect()
}

// connect tells what a bot sees as it joins.
func (g *Generator) connect() {
	g.say(events.KindBotConnected, &events.BotConnected{Server: "wss://cytube.invalid"}, "")
	for _, line := range g.history {
		m := *line.Payload.(*events.MessageLog)
		m.History = true
		again := g.say(events.KindMessageLog, &m, "")
		again.TimeMS, again.PlatformData = line.TimeMS, line.PlatformData
	}
	roster := &events.UserRoster{}
	for _, user := range g.there {
		g.afk[user] = false
		roster.Users = append(roster.Users, g.user(user))
	}
	g.say(events.KindUserRoster, roster, `{"event":"userlist","args_in":"users"}`)
	g.say(events.KindBotJoined, &events.BotJoined{Username: "rosey"}, "")
}

func (g *Generator) user(i int) events.User { return events.User{Username: g.names[i], Rank: 1} }

func (g *Generator) enter(user int) bool {
	if g.place[user] >= 0 {
		return false
	}
	g.place[user] = len(g.there)
	g.there = append(g.there, user)
	return true
}

func (g *Generator) leave(user int) {
	at, last := g.place[user], len(g.there)-1
	moved := g.there[last]
	g.there[at], g.place[moved] = moved, at
	g.there = g.there[:last]
	g.place[user], g.afk[user] = -1, false
}

// speaker is somebody who is there; a few of them talk most.
func (g *Generator) speaker() string {
	return g.names[g.there[int(g.speakers.Uint64())%len(g.there)]]
}

var words = [...]string{
	"anyone", "blue", "cat", "dancing", "evening", "film", "good", "hello", "indeed", "jump", "kettle", "later", "music",
	"never", "often", "playlist", "quiet", "really", "skip", "this", "umbrella", "very", "what", "xylophone", "yes", "zebra",
}

func (g *Generator) word() string { return words[g.rnd.IntN(len(words))] }

// text is a line of one to seven words.
func (g *Generator) text() string {
	b := append(make([]byte, 0, 64), g.word()...)
	for range g.rnd.IntN(7) {
		b = append(append(b, ' '), g.word()...)
	}
	return string(b)
}
