package mutants

const botTests = "./bot"

// botMutants translate wrongly, or lose what was read.
var botMutants = []Mutant{
	{
		Name: "a frame that cannot be read leaves nothing", File: "bot/translate.go", Package: botTests,
		Old: "	case cytube.Unreadable:\n		return t.unreadable(it)\n", New: "",
	},
	{
		Name: "lines that a join sends again look new", File: "bot/translate_chat.go", Package: botTests,
		Old: "		History: t.session.burst,\n", New: "		History: false,\n",
	},
	{
		Name: "a line has the bot's clock for its time", File: "bot/translate_chat.go", Package: botTests,
		Old: "	f.timeMS = int64(*line.Time)\n", New: "",
	},
	{
		Name: "text is decoded twice", File: "bot/cytube/htmltext.go", Package: "./bot/cytube",
		Old: "		return html.UnescapeString(msg)\n", New: "		return html.UnescapeString(html.UnescapeString(msg))\n",
	},
	{
		Name: "a server's notice counts as a person", File: "bot/redact.go", Package: botTests,
		Old: "		return username[1 : len(username)-1]\n", New: "		return \"\"\n",
	},
	{
		Name: "the channel's password is stored", File: "bot/redact.go", Package: botTests,
		Old: `	"channelOpts": {"password": hideText},` + "\n", New: "",
	},
	{
		Name: "everybody is back at the join", File: "bot/translate_users.go", Package: botTests,
		Old: "Rank: *w.Rank, AFK: w.Meta.AFK}, nil", New: "Rank: *w.Rank}, nil",
	},
	{
		Name: "the connected count is the chat count", File: "bot/counts.go", Package: botTests,
		Old: "	return *s.sockets\n}\n", New: "	return s.chatUsers()\n}\n",
	},
	{
		Name: "a leave is forgotten", File: "bot/translate_users.go", Package: botTests,
		Old: "	delete(t.session.users, fold(*w.Name))\n", New: "",
	},
	{
		Name: "the run before is vouched for by nobody", File: "bot/translate_bot.go", Package: botTests,
		Old: "	if previous.Known {\n", New: "	if false {\n",
	},
	{
		Name: "a line that goes is told to have been seen until now", File: "bot/translate_bot.go", Package: botTests,
		Old: "	if observed.IsZero() {\n", New: "	if true {\n",
	},
	{
		Name: "a disk that fails costs events", File: "bot/recorder_commit.go", Package: botTests,
		Old: "		r.log.Error(\"the spool takes nothing, trying again\", \"attempt\", attempt, \"err\", err)\n",
		New: "		if attempt > 1 {\n			return nil\n		}\n",
	},
	{
		Name: "both bots record", File: "bot/recorder_line.go", Package: botTests,
		Old: "			if !now.leads {\n				continue\n			}\n", New: "",
	},
	{
		Name: "the lease is not given back at the end", File: "bot/recorder.go", Package: botTests, Run: "GivesTheLeaseBack",
		Old: "		l.release(lineCtx)\n", New: "",
	},
	{
		Name: "another begins before the last event", File: "bot/recorder.go", Package: botTests, Run: "GivesTheLeaseBack",
		Old: "		<-ended ", New: "		",
	},
	{
		Name: "a stop forgets the lease that is being renewed", File: "bot/lead.go", Package: botTests, Run: "Lead_",
		Old: "		if ctx.Err() != nil {\n			return before\n		}\n", New: "		l.lease = nil\n",
	},
	{
		Name: "a lead that is over is told", File: "bot/recorder_line.go", Package: botTests, Run: "HearsThatAnother",
		Old: "		if !r.leads.Load() {\n", New: "		if false {\n",
	},
	{
		Name: "a full spool is not told of", File: "bot/recorder_full.go", Package: botTests,
		Old: "	if !visiting {\n		return nil\n	}\n", New: "	if visiting || !visiting {\n		return nil\n	}\n",
	},
	{
		Name: "a full spool does not end the visit", File: "bot/recorder_full.go", Package: botTests,
		Old: "		f.leave()\n", New: "",
	},
	{
		Name: "the bot comes back before there is room", File: "bot/recorder_full.go", Package: botTests,
		Old: "	for !r.keeper.Room() || ", New: "	for ",
	},
	{
		Name: "a full spool was observing until now", File: "bot/recorder_full.go", Package: botTests, Run: "Full|Episode",
		Old: "	observed := time.UnixMilli(r.fullness.lastMS)\n", New: "	observed := now\n",
	},
}
