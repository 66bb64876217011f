package mutants

const outboundTests = "./bot/outbound"

// outboundMutants say something twice, call it sent when it was not, or lose what
// was to be said.
var outboundMutants = []Mutant{
	{
		Name: "a line leaves before that is written down", File: "bot/outbound/sender_send.go", Package: outboundTests,
		Old: "		next, err := s.q.move(ctx, m, Sending, func(n *Message) {\n",
		New: "		next, err := s.q.move(ctx, m, Claimed, func(n *Message) {\n", Run: "Sender",
	},
	{
		Name: "what may be on the wire is claimed again", File: "bot/outbound/transition.go", Package: outboundTests,
		Old: "	Sending: {Queued, Sent, Failed, Abandoned, Unknown},\n", New: "	Sending: {Queued, Claimed, Sent, Failed, Abandoned, Unknown},\n", Run: "Queue|Move|Transition",
	},
	{
		Name: "a message is moved whoever was first", File: "streams/bucket.go", Package: outboundTests,
		Old: "	opts := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(over)}\n",
		New: "	opts := []jetstream.PublishOpt{}\n	_ = over\n", Run: "Queue",
	},
	{
		Name: "sent is what was written", File: "bot/outbound/sender_send.go", Package: outboundTests,
		Old: "	land := s.await(ctx, f)\n", New: "	land := landing{what: echoed, heard: s.cfg.Now()}\n", Run: "Sender",
	},
	{
		Name: "the queue alone hears of an outcome", File: "bot/outbound/sender_end.go", Package: outboundTests,
		Old: "	if !s.record(ctx, kind, mark) {\n		return // the next run settles it\n	}\n	s.cfg.Crash(CrashRecorded)\n",
		New: "	_ = kind\n	s.cfg.Crash(CrashRecorded)\n", Run: "Sender",
	},
	{
		Name: "the line of another is an echo", File: "bot/outbound/room.go", Package: outboundTests,
		Old: "	if !r.joined || !l.by(r.self.name) {\n", New: "	if !r.joined {\n", Run: "Room|Sender",
	},
	{
		Name: "what nobody can tell is sent again", File: "bot/outbound/sender_end.go", Package: outboundTests,
		Old: "		s.finish(ctx, m, Unknown, ReasonNoEcho, 0)\n", New: "		s.tryLater(ctx, m, ReasonNoEcho, l.written)\n", Run: "Sender",
	},
	{
		Name: "who is muted tries again", File: "bot/outbound/sender_end.go", Package: outboundTests,
		Old: "		s.finish(ctx, m, Failed, ReasonMuted, 0)\n", New: "		s.tryLater(ctx, m, ReasonMuted, l.written)\n", Run: "Sender",
	},
	{
		Name: "a refusal for flooding counts as an attempt", File: "bot/outbound/sender_end.go", Package: outboundTests,
		Old: "			uncounted(n)\n			n.Floods, n.Reason", New: "			n.Floods, n.Reason", Run: "Sender",
	},
	{
		Name: "one line more than the burst", File: "bot/outbound/pace.go", Package: outboundTests,
		Old: "	case p.lines+weight <= r.Burst:\n", New: "	case p.lines+weight <= r.Burst+1:\n", Run: "Pace|pace",
	},
	{
		Name: "the pace counts from the writing", File: "bot/outbound/pace.go", Package: outboundTests,
		Old: "	p.last = heard\n}\n", New: "	p.last = written\n}\n", Run: "Pace|pace",
	},
	{
		Name: "a line of action counts once", File: "bot/outbound/lines.go", Package: outboundTests,
		Old: "weight: w.weight, shown:", New: "weight: 1, shown:", Run: "Compose|Word|Pace",
	},
	{
		Name: "what the history lacks was shown", File: "bot/outbound/evidence.go", Package: outboundTests,
		Old: "	return chatLine{}, notShown\n", New: "	return chatLine{}, shown\n", Run: "Evidence|Sender",
	},
	{
		Name: "a history that does not reach back decides", File: "bot/outbound/evidence.go", Package: outboundTests,
		Old: "	case anchors == 0, h.older:\n", New: "	case false:\n", Run: "Evidence|Sender",
	},
	{
		Name: "a chat that was cleared is a history", File: "bot/outbound/room.go", Package: outboundTests,
		Old: "		r.recent, r.newest = r.recent[:0], 0\n", New: "		_ = r.recent\n", Run: "Room",
	},
	{
		Name: "one line proves two messages", File: "bot/outbound/evidence.go", Package: outboundTests,
		Old: "		if !l.by(e.name) || e.used[keyOfLine(l)] || anchors", New: "		if !l.by(e.name) || anchors", Run: "Evidence|Room",
	},
	{
		Name: "a late echo proves nothing", File: "bot/outbound/room.go", Package: outboundTests,
		Old: "		r.proofs = append(r.proofs, proof{id: f.id, timeMS: l.timeMS})\n", New: "		_ = l\n", Run: "Room|Sender",
	},
	{
		Name: "an earlier message of another bot is overtaken", File: "bot/outbound/order.go", Package: outboundTests,
		Old: "byPosition(o, m) >= 0 {\n", New: "byPosition(o, m) != 0 {\n", Run: "Sender_AMessageInAnothersHand",
	},
	{
		Name: "a refusal that may be an earlier line's is taken for this one's", File: "bot/outbound/room.go", Package: outboundTests,
		Old: "	if f != nil && len(owed) == 0 {\n", New: "	if f != nil {\n", Run: "Room",
	},
	{
		Name: "one answer is enough to trust the next", File: "bot/outbound/question.go", Package: outboundTests,
		Old: "const rounds = 2\n", New: "const rounds = 1\n", Run: "Room",
	},
	{
		Name: "a bot without a name speaks", File: "bot/outbound/sender_send.go", Package: outboundTests,
		Old: "	if v.speaker.name == \"\" {\n", New: "	if false {\n", Run: "Sender_WithoutAName",
	},
	{
		Name: "the last one first", File: "bot/outbound/sender_send.go", Package: outboundTests,
		Old: "		if !found || byPosition(m, best) < 0 {\n", New: "		if !found || byPosition(m, best) > 0 {\n", Run: "Sender",
	},
	{
		Name: "a message with a time does not wait for it", File: "bot/outbound/message.go", Package: outboundTests,
		Old: "		return ms >= m.NotBeforeMS && (", New: "		return (", Run: "Message|Queue",
	},
	{
		Name: "a repeated request is another message", File: "bot/outbound/queue.go", Package: outboundTests,
		Old: "		if r.Key != \"\" {\n", New: "		if false {\n", Run: "Queue",
	},
	{
		Name: "a key stands for whatever came first", File: "bot/outbound/queue.go", Package: outboundTests,
		Old: "		case existed && !r.asks(m):\n", New: "		case false:\n", Run: "Queue",
	},
	{
		Name: "what is over stays for ever", File: "bot/outbound/queue.go", Package: outboundTests,
		Old: "		ttl = q.cfg.KeepFinished\n", New: "		ttl = 0\n", Run: "Queue",
	},
	{
		Name: "a mark of the attempt before ends the next one", File: "bot/outbound/mark.go", Package: outboundTests,
		Old: "	case k.in.Before(m.Changed.Add(-markSkew)):\n", New: "	case false:\n", Run: "Mark",
	},
	{
		Name: "another's word ends what the bot is sending", File: "bot/outbound/mark.go", Package: outboundTests,
		Old: "	case m.State != Queued && m.State != Claimed && m.State != Unknown:\n", New: "	case m.State != Queued && m.State != Claimed && m.State != Unknown && m.State != Sending:\n", Run: "Mark",
	},
	{
		Name: "private messages are given out", File: "bot/outbound/list.go", Package: outboundTests,
		Old: " || m.Private() {\n", New: " {\n", Run: "Queue|Service",
	},
	{
		Name: "a character is cut in two", File: "bot/outbound/text.go", Package: outboundTests,
		Old: "			if !joins(before, c, flags) {\n", New: "			if true {\n", Run: "Split",
	},
	{
		Name: "a message that was sent fails after all", File: "projector/outbound.go", Package: projectorTests,
		Old: " AND (status <> 'sent' OR excluded.status = 'sent')`", New: "`", Run: "Outbound",
	},
	{
		Name: "an id that is given again is the same message", File: "projector/outbound.go", Package: projectorTests,
		Old: "		WHERE excluded.queued_ms > queued_ms\n			OR coalesce", New: "		WHERE coalesce", Run: "Outbound",
	},
	{
		Name: "an earlier message takes the place of the later", File: "projector/outbound.go", Package: projectorTests,
		Old: "coalesce(excluded.queued_ms = queued_ms, TRUE) AND ", New: "", Run: "Outbound",
	},
	{
		Name: "what a mark leaves open is erased", File: "projector/outbound.go", Package: projectorTests,
		Old: "		queued_ms = coalesce(excluded.queued_ms, queued_ms)\n", New: "		queued_ms = excluded.queued_ms\n", Run: "Outbound",
	},
	{
		Name: "nobody knows is failed", File: "projector/outbound.go", Package: projectorTests,
		Old: "		status = m.Outcome()\n", New: "		status = events.OutcomeFailed\n", Run: "Outbound",
	},
}

const (
	serviceTests = "./streams/service"
	queryTests   = "./projector/query"
)

// serviceMutants give the wrong answer, or one that looks like none.
var serviceMutants = []Mutant{
	{
		Name: "an error is an empty list", File: "streams/service/endpoint.go", Package: serviceTests,
		Old: "	text, encodeErr := encodeError(told)\n", New: "	text, encodeErr := encodeError(told)\n	if e.Bare {\n		text = []byte(\"[]\")\n	}\n",
	},
	{
		Name: "a filter that is misspelt filters nothing", File: "streams/service/validate.go", Package: serviceTests,
		Old: "		if !c.clamp {\n			return nil, Errorf(Invalid, \"there is no field", New: "		if false {\n			return nil, Errorf(Invalid, \"there is no field",
	},
	{
		Name: "a request may be as long as it likes", File: "streams/service/decode.go", Package: serviceTests,
		Old: "	if len(data) > MaxRequest {\n", New: "	if false {\n",
	},
	{
		Name: "a field given twice is taken", File: "streams/service/decode.go", Package: serviceTests,
		Old: "		if _, twice := object[name]; twice {\n", New: "		if false {\n",
	},
	{
		Name: "a sequence is not waited for", File: "projector/query/service.go", Package: queryTests,
		Old: "	if want.WaitSeq == 0 {\n		return nil\n", New: "	if true {\n		return nil\n", Run: "Service|Sharing",
	},
	{
		Name: "questions can write", File: "schema/pool.go", Package: "./schema",
		Old: "dsnIn(\"ro\", o.Path, reading, \"query_only(1)\", ", New: "dsnIn(\"rw\", o.Path, reading, ", Run: "Pool",
	},
	{
		Name: "an answer is of several moments", File: "projector/query/reader.go", Package: queryTests,
		Old: "ExecContext(ctx, \"BEGIN\")", New: "ExecContext(ctx, \"SELECT 1\")", Run: "Service|Reader|Pool",
	},
	{
		Name: "an answer is that to another question", File: "projector/query/service.go", Package: queryTests,
		Old: "d.same.do(ctx, name+string(question),", New: "d.same.do(ctx, name+string(question[:1]),", Run: "Service|Sharing",
	},
	{
		Name: "an answer is older than its question", File: "projector/query/share.go", Package: queryTests,
		Old: "	case running.next == nil:\n		running.next = newTurn()\n		return running.next, running, true\n	}\n	return running.next, running, false\n",
		New: "	}\n	return running, nil, false\n", Run: "Sharing",
	},
	{
		Name: "a message that nobody sends is no fault", File: "internal/doctor/outbound.go", Package: "./internal/doctor",
		Old: "		if e.now.Sub(since) > sendLimit {\n", New: "		if false {\n", Run: "Outbound",
	},
	{
		Name: "a bot that may not speak is healthy", File: "internal/doctor/outbound.go", Package: "./internal/doctor",
		Old: "		if m := newest[channel]; m.State == outbound.Failed && slices.Contains(cannotSpeak, m.Reason) {\n",
		New: "		if m := newest[channel]; false && m.State == outbound.Failed && slices.Contains(cannotSpeak, m.Reason) {\n", Run: "Outbound",
	},
}
