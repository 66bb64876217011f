package mutants

const projectorTests = "./projector"

// projectorMutants make the tables something else than a function of the stream.
var projectorMutants = []Mutant{
	{
		Name: "it acknowledges before the commit", File: "projector/deliver.go", Package: projectorTests,
		Old: "	res, err := p.write(context.WithoutCancel(ctx), batch)\n",
		New: "	_ = d.Ack(ctx, batch[len(batch)-1].Msg)\n	res, err := p.write(context.WithoutCancel(ctx), batch)\n",
		Run: "Acknowledges|Crashes",
	},
	{
		Name: "it never acknowledges", File: "projector/deliver.go", Package: projectorTests,
		Old: "	if err := d.Ack(ctx, last); err != nil {\n", New: "	if err := error(nil); err != nil {\n", Run: "Ack",
	},
	{
		Name: "the checkpoint is ahead of the rows", File: "projector/applier.go", Package: projectorTests,
		Old: "	if err := schema.WriteCheckpoint(ctx, w.tx, next); err != nil {\n",
		New: "	next.Seq++\n	if err := schema.WriteCheckpoint(ctx, w.tx, next); err != nil {\n",
		Run: "Projector_|AnyHistory",
	},
	{
		Name: "the checkpoint is not written", File: "projector/applier.go", Package: projectorTests,
		Old: "	if err := schema.WriteCheckpoint(ctx, w.tx, next); err != nil {\n",
		New: "	if err := schema.WriteCheckpoint(ctx, w.tx, a.checkpoint); err != nil {\n",
		Run: "Projector_|AnyHistory",
	},
	{
		Name: "what is delivered again is applied again", File: "projector/applier.go", Package: projectorTests,
		Old: "		if seq <= next.Seq {\n			res.Redelivered++\n			continue\n		}\n		if seq != next.Seq+1+it.Erased {",
		New: "		if seq > next.Seq && seq != next.Seq+1+it.Erased {",
		Run: "Applier_|Projector_",
	},
	{
		Name: "a second copy of an event is applied", File: "projector/applier.go", Package: projectorTests,
		Old: "				res.Duplicates++\n			}\n			continue\n", New: "				res.Duplicates++\n			}\n", Run: "Positions|AnyHistory|Chat_",
	},
	{
		Name: "a sequence inside a gap is thrown away", File: "projector/positions.go", Package: projectorTests,
		Old: "		if !p.fill(seq) {\n", New: "		if true {\n", Run: "Positions",
	},
	{
		Name: "a gap is not recorded", File: "projector/positions.go", Package: projectorTests,
		Old: "			p.gaps = append(p.gaps, [2]uint64{p.last + 1, seq - 1})\n", New: "			_ = seq\n", Run: "Positions",
	},
	{
		Name: "messages out of order are applied", File: "projector/deliver.go", Package: projectorTests,
		Old: "	if next != it.Msg.Seq {\n", New: "	if false {\n", Run: "Stolen|TwoOnOne",
	},
	{
		Name: "holes are not recorded", File: "projector/applier.go", Package: projectorTests,
		Old: "			a.hole(next.Seq+1, seq-1)\n", New: "			_ = seq\n", Run: "Erased",
	},
	{
		Name: "a dead letter is dropped", File: "projector/applier.go", Package: projectorTests,
		Old: "	res.DeadLetters++\n	a.deadLetters.add(", New: "	res.DeadLetters++\n	(&bulk{cols: 7}).add(",
		Run: "DeadLetters",
	},
	{
		Name: "what was folded of a rejected event stays", File: "projector/applier.go", Package: projectorTests,
		Old: "	defer func() {\n		if !finished {\n			a.stale = true\n",
		New: "	defer func() {\n		if !finished {\n", Run: "DeadLetters|Applier_",
	},
	{
		Name: "a line that is sent again counts again", File: "projector/users.go", Package: projectorTests,
		Old: `e.Username != "" && f.fresh {`, New: `e.Username != "" {`, Run: "Chat_|Users_",
	},
	{
		Name: "a line that is sent again is a second row's", File: "projector/chatkeys.go", Package: projectorTests,
		Old: "	f.fresh = !c.known[k] && !c.batch[k]\n", New: "	f.fresh = !c.batch[k]\n", Run: "Chat_",
	},
	{
		Name: "equal lines of one batch are two", File: "projector/chatkeys.go", Package: projectorTests,
		Old: "	f.fresh = !c.known[k] && !c.batch[k]\n", New: "	f.fresh = !c.known[k]\n", Run: "Chat_",
	},
	{
		Name: "the watermark runs ahead of the lines", File: "projector/chatkeys.go", Package: projectorTests,
		Old: "		if f.TimeMS > latest {\n			continue\n", New: "		if f.TimeMS >= latest {\n			continue\n", Run: "Chat_",
	},
	{
		Name: "a session is not closed by its leave", File: "projector/presence.go", Package: projectorTests,
		Old: "	c := s.close(seq, at, byLeave)\n	return &c\n", New: "	_ = at\n	return nil\n", Run: "Presence|Users_",
	},
	{
		Name: "unobserved time is counted", File: "projector/observation.go", Package: projectorTests,
		Old: "	f.watch.suspended, f.watch.lastMS = true, ob.lastMS\n", New: "	f.watch.suspended, f.watch.lastMS = true, f.at\n", Run: "Presence|Users_",
	},
	{
		Name: "a gap of any length is bridged", File: "projector/presence.go", Package: projectorTests,
		Old: " && f.watch.gapMS <= bridgeMS {", New: " {", Run: "Presence",
	},
	{
		Name: "a missed leave goes on for ever", File: "projector/presence.go", Package: projectorTests,
		Old: "if s := p.open[name]; !there[name] {", New: "if s := p.open[name]; !there[name] && s == nil {", Run: "Presence",
	},
	{
		Name: "a clock that steps back makes time negative", File: "projector/presence.go", Package: projectorTests,
		Old: "	end := max(at, s.startMS)\n", New: "	end := at\n", Run: "Presence|Users_",
	},
	{
		Name: "a session opened by a roster is a join", File: "projector/users.go", Package: projectorTests,
		Old: "		d.rank = &user.Rank\n		if s.rank != user.Rank {", New: "		d.joins++\n		d.rank = &user.Rank\n		if s.rank != user.Rank {", Run: "Presence|Users_",
	},
	{
		Name: "everybody's word on presence counts", File: "projector/observation.go", Package: projectorTests,
		Old: "	f.leading = ob.leader == \"\" || ob.leader == f.producer\n", New: "	f.leading = true\n", Run: "Lead",
	},
	{
		Name: "an equal count is a new mark", File: "projector/channel.go", Package: projectorTests,
		Old: "	if e.Chat > h.chat {\n", New: "	if e.Chat >= h.chat {\n", Run: "Channel",
	},
	{
		Name: "the clock takes part", File: "projector/deliver.go", Package: projectorTests, Run: "Projector_",
		Old: "		select {\n		case out <- Decode(dec, m):\n",
		New: "		m.Time = time.Now()\n		select {\n		case out <- Decode(dec, m):\n",
	},
	{
		Name: "a database of another stream is taken", File: "projector/start.go", Package: projectorTests,
		Old: "	if other {\n", New: "	if other && false {\n", Run: "Start|StreamIsReplaced",
	},
	{
		Name: "a database ahead of its stream is taken", File: "projector/start.go", Package: projectorTests,
		Old: "	case c.Seq > state.LastSeq:\n", New: "	case c.Seq > state.LastSeq && false:\n", Run: "Start",
	},
	{
		Name: "another history at the checkpoint is taken", File: "projector/start.go", Package: projectorTests,
		Old: "	if m.MsgID == c.MsgID && m.Time.UnixMilli() == c.TimeMS {\n", New: "	if m.Seq == c.Seq {\n", Run: "Start",
	},
	{
		Name: "a trimmed stream is taken", File: "projector/start.go", Package: projectorTests,
		Old: "	case trimmed && !d.cover(c.Seq+1, state.FirstSeq-1):\n", New: "	case trimmed && false:\n", Run: "Start",
	},
	{
		Name: "any accepted gap excuses every other", File: "projector/start.go", Package: projectorTests,
		Old: "	case trimmed && !d.cover(c.Seq+1, state.FirstSeq-1):\n", New: "	case trimmed && !d.cover(state.FirstSeq-1, state.FirstSeq-1):\n",
	},
	{
		Name: "a stream is adopted unasked", File: "projector/start.go", Package: projectorTests, Run: "Start_Refusals|Adopt",
		Old: "		if !d.continues(c.StreamID) {\n", New: "		if d.continues(c.StreamID) && false {\n",
	},
	{
		Name: "a part that comes in another batch is lost", File: "projector/parts.go", Package: projectorTests,
		Old: "		p.fresh = append(p.fresh, partRow{b, it.Msg.Seq})\n", New: "", Run: "Parts|AnyHistory",
	},
	{
		Name: "a database that is replaced goes on being written", File: "projector/openfile.go", Package: projectorTests,
		Old: "		case !os.SameFile(now, f.main):\n", New: "		case now == nil:\n", Run: "Replaced|Deleted",
	},
	{
		Name: "a poll told of late stays open", File: "projector/polls.go", Package: projectorTests, Run: "Polls",
		Old: "		p.close(po, later[0], \"replaced\", seq)\n", New: "",
	},
}
