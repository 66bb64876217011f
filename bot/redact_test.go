package bot

import (
	"encoding/json"
	"testing"
)

func raws(args ...string) []json.RawMessage {
	out := make([]json.RawMessage, len(args))
	for i, a := range args {
		out[i] = json.RawMessage(a)
	}
	return out
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, event, in, want string }{
		{
			"channel password", "channelOpts", `{"maxlength":0,"password":"hunter2","torbanned":false}`,
			`{"maxlength":0,"password":"[redacted]","torbanned":false}`,
		},
		{"no channel password", "channelOpts", `{"password":false}`, `{"password":false}`},
		{"password of another type", "channelOpts", `{"password":12345}`, `{"password":"[redacted]"}`},
		{"login", "login", `{"name":"x","pw":"secret"}`, `{"name":"x","pw":"[redacted]"}`},
		{
			"user", "addUser", `{"name":"a","meta":{"afk":false,"aliases":["a","b"],"ip":"yFA.j8g.iXh.gvS"}}`,
			`{"name":"a","meta":{"afk":false,"aliases":"[redacted]","ip":"[redacted]"}}`,
		},
		{
			"list", "userlist", `[{"name":"a","meta":{"ip":"1.2.3.4"}},{"name":"b","meta":{}}]`,
			`[{"name":"a","meta":{"ip":"[redacted]"}},{"name":"b","meta":{}}]`,
		},
		{"escaped key", "addUser", `{"meta":{"\u0069p":"1.2.3.4"}}`, `{"meta":{"ip":"[redacted]"}}`},
		{"unknown event", "somethingNew", `{"deep":[{"ip":"1.2.3.4"}]}`, `{"deep":[{"ip":"[redacted]"}]}`},
		{"bans", "banlist", `[{"ip":"*","name":"bob"},{"ip":"+Jk.LVt.IZ+.*","name":"dave"}]`, `[{"ip":"*","name":"bob"},{"ip":"[redacted]","name":"dave"}]`},
		{"log", "readChanLog", `{"success":true,"data":"a\nb"}`, `{"success":true,"data":"[redacted]","data_bytes":3}`},
		{"log of another shape", "readChanLog", `{"success":true,"data":["x"]}`, `{"success":true,"data":"[redacted]","data_bytes":5}`},
		{
			"aliases notice", "chatMsg", `{"username":"[server]","msg":"ann joined (aliases: ann,bob)"}`,
			`{"username":"[server]","msg":"ann joined (aliases: [redacted])"}`,
		},
		{
			"ban notice", "chatMsg", `{"username":"[server]","msg":"rosey banned +Jk.LVt.IZ+.* (dave)"}`,
			`{"username":"[server]","msg":"rosey banned [redacted] (dave)"}`,
		},
		{
			"notice in escapes", "chatMsg", `{"username":"\u005bserver]","msg":"x joined (aliases: y)"}`,
			`{"username":"\u005bserver]","msg":"x joined (aliases: [redacted])"}`,
		},
		{
			"harmless notice", "chatMsg", `{"username":"[server]","msg":"owner cleared chat."}`,
			`{"username":"[server]","msg":"owner cleared chat."}`,
		},
		{
			"a person's words", "chatMsg", `{"username":"ann","msg":"yFA.j8g.iXh.gvS 1.2.3.4 (aliases: x)"}`,
			`{"username":"ann","msg":"yFA.j8g.iXh.gvS 1.2.3.4 (aliases: x)"}`,
		},
		{"error", "errorMsg", `{"msg":"You don't have permission to ban IP yFA.j8g.iXh.gvS"}`, `{"msg":"You don't have permission to ban IP [redacted]"}`},
		{"error of another shape", "errorMsg", `{"msg":{"x":1}}`, `{"msg":"[redacted]"}`},
		{"nothing to hide", "chatMsg", `{ "username":"ann" , "msg":"caf\ufee9" }`, `{ "username":"ann" , "msg":"caf\ufee9" }`},
		{"escapes", "chatMsg", `{"username":"ann","msg":"\u00e9\ud83d\u0007"}`, `{"username":"ann","msg":"\u00e9\ud83d\u0007"}`},
		{"not JSON", "banlist", `{"ip"`, `"[redacted]"`},
	} {
		in := raws(tt.in)
		got := redact(tt.event, in)
		if string(got[0]) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got[0], tt.want)
		}
		if string(in[0]) != tt.in {
			t.Errorf("%s: the frame itself was changed", tt.name)
		}
	}
}

func TestRedactAddresses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, want string }{
		{"nothing here", "nothing here"},
		{"1.2.3.4", redacted},
		{"from 192.168.0.17, twice.", "from [redacted], twice."},
		{"ends with 10.0.0.1.", "ends with [redacted]."},
		{"range 10.0.*", "range [redacted]"},
		{"net 10.0.0.0/8", "net [redacted]"},
		{"port 10.0.0.1:443", "port [redacted]"},
		{"read tcp 10.0.0.1:4242->93.184.216.34:443: reset", "read tcp [redacted]->[redacted]: reset"},
		{"v6 2001:db8::1 and [fe80::1%eth0]:80", "v6 [redacted] and [[redacted]]:80"},
		{"cloaked yFA.j8g.iXh.gvS", "cloaked " + redacted},
		{"cloaked +Jk.LVt.IZ+.* (dave)", "cloaked [redacted] (dave)"},
		{"cloaked six aB3/:x-_Z:0+12:9876", "cloaked six " + redacted},
		{"at 12:34:56 in version 1.2.3", "at 12:34:56 in version 1.2.3"},
		{"https://cytu.be/socketconfig/x.json", "https://cytu.be/socketconfig/x.json"},
		{"ratio = 0.5; 1/2 skipped", "ratio = 0.5; 1/2 skipped"},
		{"猫 1.2.3.4 猫", "猫 [redacted] 猫"},
	} {
		if got := redactAddresses(tt.in); got != tt.want {
			t.Errorf("redactAddresses(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
