package streams

import (
	"errors"
	"math"
	"time"

	"github.com/nats-io/nats.go"
)

// Message is one stored message.
type Message struct {
	Seq     uint64
	Time    time.Time // when the stream stored it, or the one it was restored from
	Subject string
	MsgID   string
	Header  nats.Header
	Data    []byte
	// Pending is how many messages the stream held for this reader after this one,
	// when it was delivered.
	Pending uint64

	reply    string // where it is acknowledged
	delivery uint64 // its place among what the consumer delivered
}

// position is what a delivered message's reply subject tells.
type position struct {
	stream   uint64 // stream sequence
	delivery uint64 // consumer sequence
	time     time.Time
	pending  uint64
}

var errNotDelivered = errors.New("message was not delivered by a consumer")

// parsePosition reads the reply subject of a delivered message:
//
//	$JS.ACK.<stream>.<consumer>.<times>.<seq>.<delivery>.<time>.<pending>
//	$JS.ACK.<domain>.<account>.<stream>.<consumer>.<times>.<seq>.<delivery>.<time>.<pending>[.<token>]
func parsePosition[T string | []byte](reply T) (position, error) {
	var p position
	const prefix = "$JS.ACK."
	if len(reply) < len(prefix) || string(reply[:len(prefix)]) != prefix {
		return p, errNotDelivered
	}
	rest := reply[len(prefix):]
	before := 3 // tokens in front of the sequence
	dots := 0
	for i := range len(rest) {
		if rest[i] == '.' {
			dots++
		}
	}
	switch {
	case dots == 6:
	case dots >= 8:
		before = 5
	default:
		return p, errNotDelivered
	}
	at := 0
	for ; before > 0; at++ {
		if rest[at] == '.' {
			before--
		}
	}
	rest = rest[at:]
	var numbers [4]uint64
	var ok bool
	for i := range numbers {
		if numbers[i], rest, ok = leadingNumber(rest); !ok {
			return p, errNotDelivered
		}
	}
	p.stream, p.delivery, p.pending = numbers[0], numbers[1], numbers[3]
	p.time = time.Unix(0, int64(numbers[2])).UTC()
	return p, nil
}

// leadingNumber reads the first token, a decimal number, and returns what follows
// it. It is run four times for every message that is read: taking the tokens
// apart first takes twice as long.
func leadingNumber[T string | []byte](s T) (n uint64, rest T, ok bool) {
	i := 0
	for ; i < len(s) && s[i] != '.'; i++ {
		digit := uint64(s[i] - '0')
		if digit > 9 || n > (math.MaxUint64-digit)/10 {
			return 0, rest, false
		}
		n = 10*n + digit
	}
	return n, s[min(i+1, len(s)):], i > 0
}
