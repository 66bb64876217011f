package events

import "testing"

var benchEvents = []struct {
	kind Kind
	body string
}{
	{KindMessageLog, `{"id":"k7qs2m4vn5xw3a6t-182734","v":1,"platform":"cytube","channel":"rosey_test","timestamp":1795281702,"time_ms":1795281702251,"received_ms":1795281702260,"username":"alice","message":"it is 5 > 3 and 2 < 4","platform_data":{"event":"chatMsg","args":[{"username":"alice","msg":"it is 5 &gt; 3 and 2 &lt; 4","meta":{},"time":1795281702251}]}}`},
	{KindUserJoined, `{"id":"k7qs2m4vn5xw3a6t-182735","v":1,"platform":"cytube","channel":"rosey_test","timestamp":1795281702,"time_ms":1795281702251,"received_ms":1795281702260,"username":"alice","rank":1,"afk":false,"platform_data":{"event":"addUser","args":[{"name":"alice","rank":1,"profile":{"image":"","text":""},"meta":{"afk":false,"muted":false}}]}}`},
	{KindMediaUpdated, `{"id":"k7qs2m4vn5xw3a6t-182736","v":1,"platform":"cytube","channel":"rosey_test","timestamp":1795281702,"time_ms":1795281702251,"received_ms":1795281702260,"current_time":5.003,"paused":false,"platform_data":{"event":"mediaUpdate","args":[{"currentTime":5.003,"paused":false}]}}`},
	{KindUserCount, `{"id":"k7qs2m4vn5xw3a6t-182737","v":1,"platform":"cytube","channel":"rosey_test","timestamp":1795281702,"time_ms":1795281702251,"received_ms":1795281702251,"chat_count":25,"connected_count":31}`},
	{"cytube.voteskip", `{"id":"k7qs2m4vn5xw3a6t-182738","v":1,"platform":"cytube","channel":"rosey_test","timestamp":1795281702,"time_ms":1795281702251,"received_ms":1795281702260,"platform_data":{"event":"voteskip","args":[{"count":0,"need":4}]}}`},
}

func BenchmarkDecode(b *testing.B) {
	for _, bm := range benchEvents {
		data := []byte(bm.body)
		b.Run("kind="+string(bm.kind), func(b *testing.B) {
			d := NewDecoder()
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(bm.kind, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, bm := range benchEvents {
		e, err := Decode(bm.kind, []byte(bm.body))
		if err != nil {
			b.Fatal(err)
		}
		b.Run("kind="+string(bm.kind), func(b *testing.B) {
			b.SetBytes(int64(len(bm.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Encode(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
