package model

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// event is one fact, as far as the tables depend on it.
type event struct {
	values
	seq         int64 // of its message, or of the last of its parts
	kind        string
	id          string
	channelName string // set by the publisher, the subject, or the configuration

	timeMS     int64 // when it happened
	receivedMS int64 // when the bot read it
	at         int64 // the moment on the recorder's clock
	fine       bool  // the publisher told its time in less than a second

	producer string // empty for a publisher that does not number
	sequence int64
	late     bool // its producer had gone on before it came
}

// Reason classes of dead letters.
const (
	classSubject = "subject"
	classDecode  = "decode"
	classFold    = "fold"
	classParts   = "parts"
)

// decode reads a message. It returns the class of the failure where it cannot.
func decode(msg message) (*event, string) {
	kind, channel, ok := parseSubject(msg.subject)
	if !ok {
		return nil, classSubject
	}
	e, err := decodeBody(kind, msg.data)
	if err != nil {
		return nil, classDecode
	}
	if e.channelName == "" {
		e.channelName = channel
	}
	return e, ""
}

// marks begins the kinds of outcomes of outbound messages.
const marks = "messages.outbound.mark_"

// maxSeconds bounds a time told in seconds, beyond which it is none.
const maxSeconds = 1e13

func decodeBody(kind string, data []byte) (*event, error) {
	fields, err := fieldsOf(data)
	if err != nil {
		return nil, err
	}
	e := &event{kind: kind, values: values{}}
	common := values{}
	envelope := []spec{
		f(integer, "v"), f(text, "platform"), f(text, "channel"), f(number, "timestamp", "time"), f(integer, "time_ms"), f(integer, "received_ms"),
	}
	specs := payloads[kind]
	for _, fd := range fields {
		switch {
		case fd.name == "id":
			err = e.takeID(fd)
		case fd.name == "platform_data":
		case known(envelope, fd.name):
			err = common.take(envelope, fd)
		case kind == "status.update" && fd.name == "status_data":
			err = e.takeStatus(specs, fd)
		default:
			err = e.take(specs, fd)
		}
		if err != nil {
			return nil, err
		}
	}
	if v := common.integer("v"); v < 0 || v > 1<<20 {
		return nil, fmt.Errorf("version %d", v)
	}
	if strings.HasPrefix(kind, marks) && e.integer("message_id") == 0 {
		if n, err := digits(e.id); err == nil {
			e.id, e.values["message_id"] = "", n
		}
	}
	e.channelName, e.timeMS, e.receivedMS = common.text("channel"), common.integer("time_ms"), common.integer("received_ms")
	e.fine = e.timeMS != 0
	if s := common.number("timestamp"); e.timeMS == 0 && s != 0 {
		if math.Abs(s) > maxSeconds {
			return nil, fmt.Errorf("time %v", s)
		}
		e.timeMS = int64(s * 1000)
		e.fine = s != math.Trunc(s)
	}
	return e, nil
}

func known(specs []spec, name string) bool {
	for _, s := range specs {
		for _, n := range s.names {
			if n == name {
				return true
			}
		}
	}
	return false
}

// takeID reads the id. One that is a number, or a text of digits where no other is
// named, was, in outcomes of outbound messages, the message's own.
func (e *event) takeID(fd field) error {
	if c := fd.value[0]; c != '-' && (c < '0' || c > '9') {
		id, err := read(text, fd.value)
		e.id, _ = id.(string)
		return err
	}
	n, err := readInteger(fd.value)
	if err != nil {
		return err
	}
	if strings.HasPrefix(e.kind, marks) {
		e.values["message_id"] = n
	} else {
		e.id = strconv.FormatInt(n.(int64), 10)
	}
	return nil
}

// takeStatus reads the fields of a status, which older publishers sent flat.
func (e *event) takeStatus(specs []spec, fd field) error {
	if string(fd.value) == "null" {
		return nil
	}
	fields, err := fieldsOf(fd.value)
	if err != nil {
		return err
	}
	for _, inner := range fields {
		if err := e.take(specs, inner); err != nil {
			return err
		}
	}
	return nil
}

// fill supplies what older publishers left out.
func (e *event) fill(msg message, channel string) {
	e.seq = msg.seq
	if e.timeMS == 0 {
		e.timeMS = e.receivedMS
	}
	if e.timeMS == 0 {
		e.timeMS = msg.streamMS
	}
	e.at = e.receivedMS
	if e.at == 0 {
		e.at = e.timeMS
	}
	if e.channelName == "" {
		e.channelName = channel
	}
	e.producer, e.sequence, _ = parseID(e.id)
}

// parseID divides "<producer>-<sequence>". Sequences start at 1; the end of a
// UUID is none.
func parseID(id string) (producer string, number int64, ok bool) {
	i := strings.LastIndexByte(id, '-')
	uuid := len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-'
	if i <= 0 || uuid || i == len(id)-1 || id[i+1] < '1' || id[i+1] > '9' {
		return "", 0, false
	}
	n, err := strconv.ParseInt(id[i+1:], 10, 64)
	return id[:i], n, err == nil
}

// farMS is beyond any time that is meant.
const farMS = 100_000_000_000_000

// fits reports whether rows can hold the event as it was meant: its times are
// times, and no name compares like another one, which SQLite's comparison
// without case does with what follows a zero byte.
func fits(e *event) bool {
	for _, ms := range []int64{e.timeMS, e.receivedMS} {
		if ms > farMS || ms < -farMS {
			return false
		}
	}
	names := []string{e.channelName, e.text("username"), e.text("initiator"), e.text("recipient")}
	for _, u := range e.users() {
		names = append(names, u.text("username"))
	}
	for _, n := range names {
		if strings.ContainsRune(n, 0) {
			return false
		}
	}
	return true
}

func (e *event) users() []values { list, _ := e.values["users"].([]values); return list }

// lower is how names compare: without case, as far as ASCII goes.
func lower(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// seconds rounds to the past.
func seconds(ms int64) int64 { return int64(math.Floor(float64(ms) / 1000)) }
