"""Rules of erasure, of storing before acting and of proving before believing: each broken on purpose in one file of the
core, each found out by the test that is named. PROTOCOL.md 9.2, 10, 16.1, 18.3, 18.5, 22.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CORE = ROOT / "shared" / "sealcast"
PATHS = [str(ROOT / part) for part in ("tests/support/core", "tests/core/smmp", "tests/core/zpinc", "shared")]
PATHS += [str(ROOT / "tests" / "reference")]
RUN = """import sys
module, test, changed, *sys.path[:0] = sys.argv[1:]
from mutant_runner import Changed
sys.meta_path.insert(0, Changed(changed))
getattr(__import__(module), test)()
"""

ERASED, TAKEN, AGAIN, REGROUP = "test_erased_in_time", "test_taken_in", "test_storage_put_back", "test_regroup"
DENIABLE, SLOTS, REMOVED = "test_deniable", "test_slots_of_strangers", "test_removed_members"
# (what, file, text, its replacement, module, test)
MUTANTS = [
    ("who waits to rejoin keeps all keys", "smmp/fetch.py",
     "    group.state = State(st.group, st.tags, st.R, st.index, ZERO, epoch, st.head, "
     "ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)\n",
     "", ERASED, "test_who_waits_to_rejoin_holds_no_keys"),
    ("and the pairs of private messages", "smmp/fetch.py",
     "    group.undo = None\n    group.pairs = {}\n", "    group.undo = None\n",
     ERASED, "test_who_waits_to_rejoin_holds_no_keys"),
    ("a lost member's pin is carried along", "zpinc/revocation.py", "    places.pins.pop(removed, None)\n", "",
     ERASED, "test_a_lost_member_is_not_pinned_at_the_new_place"),
    ("the rank is not stored before the share leaves", "zpinc/rekey.py",
     "epochs.requested = out.dirty = True  # until", "epochs.requested = True  # until",
     ERASED, "test_the_rank_of_a_handshake_is_stored_before_the_share_leaves"),
    ("an agreement burns any number of another's packages", "smmp/packages.py",
     "    if number <= max(list(known(group, tag)) + [floor]) + BELIEVED:\n", "    if True:\n",
     ERASED, "test_an_agreement_uses_up_no_number_of_anothers_packages_that_was_never_near"),
    ("a doubter leaves LIVE for an unauthentic slot frame", "smmp/order.py",
     'e.reason != "bad_hmac" and ', "",
     ERASED, "test_who_doubts_stays_live_for_a_frame_in_the_slot_that_no_member_made"),
    ("the skipped key of who has fewest is given up", "zpinc/conversation.py",
     "(-count[w[0]], w[1])", "(count[w[0]], w[1])",
     "test_hostile_limits", "test_one_party_cannot_make_us_forget_the_skipped_keys_of_another"),
    ("a payload without a box is opened", "smmp/private.py", "    if len(payload) < HINT + TAG:\n", "    if False:\n",
     "test_refused_formulas", "test_a_private_message_that_is_none"),
    ("a repeated question is answered", "smmp/heads.py", " and nonce[:8] not in s.heard:", ":",
     "test_refused_in_order", "test_a_question_that_is_repeated_costs_nothing"),
    ("a message names what its maker has heard alone", "zpinc/heard.py",
     "        if self._ours and self._ours not in marks:", "        if False:",
     "test_heard", "test_a_presence_that_its_receiver_has_not_taken_makes_no_message_historic"),
    ("a message of the group that comes late is confirmed", "smmp/order.py",
     "        if asks and live:\n", "        if asks:\n",
     "test_receipts", "test_a_message_of_the_group_that_comes_late_is_not_confirmed"),
    ("held notes are bound by session alone", "zpinc/messages.py",
     "    if note.session.window.held:\n", "    if False:\n",
     "test_held_notes", "test_notes_that_are_held_stay_within_one_bound_for_all_sessions"),
    ("a rising connection number ends a penalty", "zpinc/presence.py", " and member.strikes < 2:", ":",
     "test_hostile_limits", "test_a_silent_member_that_raises_its_connection_number_is_left_out_all_the_same"),
    ("all known members get the new key", "zpinc/revocation.py", "    if keep is not None:\n", "    if False:\n",
     "test_notice_attacks", "test_a_thief_that_joined_under_a_second_name_is_out_too"),
    ("one member's word takes in for good", "smmp/membership.py",
     "None if mine or len(a.tags) == 2 else", "None if True else",
     TAKEN, "test_a_stranger_that_lists_the_real_members_does_not_hold_a_board"),
    ("and no other agreement displaces it", "smmp/order.py",
     "    elif kind == AGREEMENT and group.entry and", "    elif False and",
     TAKEN, "test_the_real_agreement_gets_through_while_a_false_one_holds"),
    ("anyone displaces who is in the roster", "smmp/membership.py",
     "    if listed(me, members, first) and not listed(me, members, a.organizer):\n", "    if False:\n",
     TAKEN, "test_who_is_in_the_roster_is_not_displaced_by_who_is_not"),
    ("anyone's claim stops a group", "smmp/membership.py",
     "    if c.sure and tag not in c.job[1]:\n", "    if False:\n",
     TAKEN, "test_a_claim_does_not_stop_the_creation_of_a_group_for_good"),
    ("proposals cost without limit", "zpinc/rekey.py", "    if since + PROPOSAL_MS > now:\n", "    if False:\n",
     "test_hostile_limits", "test_proposals_of_a_stranger_cost_a_bounded_number_of_shares_and_writes"),
    ("the last counter locks out", "zpinc/joins.py", "    if own and own[0] == LAMPORT_MAX:\n", "    if False:\n",
     "test_hostile_limits", "test_who_joins_at_the_last_counter_joins_all_the_same"),
    ("a second leave waits, too", "smmp/order.py", " and not group.leaving:", ":",
     TAKEN, "test_nobody_is_held_against_its_will"),
    ("what is heard makes no draw fresh", "zpinc/me.py", "        if rng and rng.poor:\n", "        if False:\n",
     AGAIN, "test_a_board_without_hardware_randomness_does_not_draw_its_secrets_twice"),
    ("the first session is drawn before anything is heard", "zpinc/joins.py",
     "        if me.rng.poor:\n", "        if False:\n",
     AGAIN, "test_a_board_without_hardware_randomness_does_not_draw_its_secrets_twice"),
    ("a control frame is believed without a MAC", "smmp/heads.py",
     "        if not group.vouched(", "        if False and not group.vouched(",
     DENIABLE, "test_a_control_frame_without_our_mac_moves_nothing"),
    ("a place is believed without a MAC", "zpinc/presence.py",
     "    if not macs or not group.vouched(", "    if False and not group.vouched(",
     DENIABLE, "test_a_place_without_our_mac_is_none"),
    ("a frame that cannot be taken makes us ask each time", "smmp/order.py",
     " and group.untaken != group.state.head:", ":",
     SLOTS, "test_a_frame_that_nobody_can_take_stops_no_group"),
    ("a frame in its slot makes us ask each time", "smmp/order.py", " and group.untaken != group.state.head:", ":",
     SLOTS, "test_a_frame_that_nobody_can_take_stops_no_group_out_of_its_slot_either"),
    ("who cannot catch up numbers on", "smmp/fetch.py", "count += 0x10000", "count += 0",
     "test_group_life", "test_who_came_back_from_a_backup_is_heard_when_it_is_taken_in_again"),
    ("a lone liar forks all who look", "smmp/fetch.py", "elif s.backed and ", "elif False and ",
     "test_lone_liars", "test_one_that_names_another_branch_of_equal_length_forks_nobody"),
    ("a lone branch is never a person's to judge", "smmp/fetch.py", "elif s.backed and ", "elif ",
     "test_lone_liars", "test_who_has_nobody_on_its_side_asks_a_person"),
    ("who is behind is waited for without end", "smmp/sync.py", "s.behind >= fetch.ROUNDS", "False",
     "test_lone_liars", "test_one_that_is_behind_and_stays_there_keeps_nobody"),
    ("the roster undoes what was approved", "stored.py", "if instead[:64] == me.roster[uid]:", "if False:",
     "test_approvals", "test_an_approval_outlives_a_restart_where_the_settings_name_the_identity_of_before"),
    ("a move forgets what was approved", "zpinc/revocation.py", " or uid[:2] == INSTEAD}", "}",
     "test_approvals", "test_an_approval_outlives_a_restart_where_the_settings_name_the_identity_of_before"),
    ("what was approved stands for ever", "stored.py", "if instead[:64] == me.roster[uid]:", "if instead:",
     "test_approvals", "test_an_approval_outlives_a_restart_where_the_settings_name_the_identity_of_before"),
    ("a later list undoes what a person approved", "zpinc/approval.py", " or letters.encode() == by_hand[4:]", "",
     "test_approvals", "test_nor_does_a_later_list_that_says_it_once_more"),
    ("who was away never comes after", "zpinc/joins.py", "members.lamport + reach:", "members.lamport + 65536:",
     "test_hostile_limits", "test_who_was_away_while_the_counter_was_pushed_takes_later_sessions_all_the_same"),
    ("a sleeper that was away never does", "zpinc/joins.py",
     "places.pins[left.REACH] = u32(min(2 * reach, LAMPORT_MAX))", "pass",
     "test_hostile_limits", "test_a_sleeper_takes_later_sessions_at_its_next_wakings"),
    ("a refused proposal uses up the allowance", "zpinc/rekey.py",
     "    begin(me, members, epochs, proposal, now, out)\n    epochs.spent_until = since + PROPOSAL_MS\n",
     "    epochs.spent_until = since + PROPOSAL_MS\n    begin(me, members, epochs, proposal, now, out)\n",
     "test_hostile_limits", "test_proposals_that_are_refused_use_up_nobodys_allowance"),
    ("who leaves in each handshake is asked again", "zpinc/epochs.py",
     "            m.strike(now)\n", "            pass\n",
     "test_hostile_limits", "test_who_leaves_in_each_handshake_is_left_out_of_the_next"),
    ("what waits for its board is approved by other settings", "zpinc/joins.py", "waits[:64] == member.public and ", "",
     "test_approvals", "test_an_approval_that_waits_ends_when_the_settings_name_another_identity"),
    ("an old conversation message is confirmed", "zpinc/epochs.py", "if asks and live:", "if asks:",
     "test_receipts", "test_a_conversation_message_that_was_held_back_is_not_confirmed"),
    ("a proposal pushes as far as a presence", "zpinc/rekey.py", "AHEAD = const(1024)", "AHEAD = const(65536)",
     "test_hostile_limits", "test_proposals_to_one_member_alone_do_not_take_it_from_the_others"),
    ("anybody shows that our frame was accepted", "smmp/fetch.py",
     "    return authentic(me.suite, early, after.v)\n", "    return True\n",
     SLOTS, "test_nobody_but_a_member_shows_that_our_frame_was_accepted"),
    ("anybody makes who just came in go back", "smmp/fetch.py",
     "        stands = stands and _leads_to_a_member(me, group, s.other)\n", "        stands = stands and True\n",
     SLOTS, "test_a_stranger_puts_nobody_out_who_just_came_in"),
    ("who was removed rolls that back", "smmp/fetch.py",
     " or [tag for tag in u.state.tags if tag not in group.tags()]:", ":",
     REMOVED, "test_a_removed_member_takes_nobody_back_before_its_removal"),
    ("a removal that lost its race stands", "smmp/fetch.py",
     "stands = stands and _leads_to_a_member(me, group, s.other)", "stands = False",
     REMOVED, "test_who_was_shown_a_removal_that_lost_takes_the_frame_that_won"),
    ("one alone is followed to where no other is", "smmp/sync.py", "        if len(away) > 1:\n", "        if False:\n",
     REMOVED, "test_one_member_leads_nobody_who_was_away_onto_a_branch_of_its_own"),
    ("the first answer will do for who came through slots", "smmp/sync.py",
     "        if left and s.deadline is not None and", "        if False and",
     REMOVED, "test_one_member_leads_nobody_who_was_away_onto_a_branch_of_its_own"),
    ("who was led on is behind no agreement", "smmp/sync.py", "out, min(away)[0])", "out)",
     REMOVED, "test_one_member_leads_nobody_who_was_away_onto_a_branch_of_its_own"),
    ("what slots led through is not remembered", "smmp/order.py",
     "    if group.phase == SYNC:\n        group.search.trail", "    if False:\n        group.search.trail",
     REMOVED, "test_one_member_leads_nobody_who_was_away_onto_a_branch_of_its_own"),
    ("who is to be removed asks to be taken in", "smmp/membership.py",
     "        add = [tag for tag in add if tag not in remove]\n",
     "        remove = [tag for tag in remove if tag not in add]\n",
     REMOVED, "test_who_is_to_be_removed_does_not_take_that_back"),
    ("what leads to a member need not hang together", "smmp/fetch.py",
     "        if epoch not in early or frame_prev(early[epoch]) != head:\n", "        if epoch not in early:\n",
     SLOTS, "test_a_stranger_puts_nobody_out_who_just_came_in"),
    ("only a word on the very place counts", "smmp/fetch.py",
     "        epoch, head = epoch + 1, frame_hash(me.suite, early[epoch])\n", "        return False\n",
     TAKEN, "test_who_was_taken_in_by_a_frame_that_lost_its_race_stands_outside_again"),
    ("what is held can be flooded for good", "smmp/sync.py",
     "    if s.gone >= group.state.epoch > s.epoch:\n", "    if s.gone >= group.state.epoch:\n",
     SLOTS, "test_a_flood_of_what_is_held_keeps_nobody_from_going_live"),
    ("a MAC of the pair with another serves", "smmp/group.py",
     "ad, self.id, tag, me.tag, said)", "ad, self.id, tag, tag, said)",
     DENIABLE, "test_who_shows_a_position_could_have_made_it"),
    ("a MAC is not over the presence before it", "zpinc/presence.py",
     "pt[: r.pos], r.rest()", "pt[r.pos - 20 : r.pos], r.rest()",
     DENIABLE, "test_who_shows_a_place_could_have_made_it"),
    ("a mark is over more than is signed", "zpinc/presence.py",
     "    return counter, p, frame[HEADER : HEADER + NONCE] + sig\n", "    return counter, p, frame\n",
     DENIABLE, "test_who_shows_a_place_could_have_made_it"),
    ("the digest is signed where notes are not", "zpinc/presence.py",
     "    return body if me.config[\"sign\"] else", "    return body if True else",
     DENIABLE, "test_no_signature_covers_a_head_or_an_unsigned_channels_notes"),
    ("who came in is told at the next keepalive", "zpinc/presence.py",
     "place and group.state.tags.data) != said", "place and said[1] or place) != said",
     DENIABLE, "test_who_comes_in_is_told_at_once_where_the_others_are"),
    ("who is to be in the group again is not stored", "smmp/state.py", "g.change.failed, g.change.together\n",
     "g.change.failed, []\n", REGROUP, "test_who_sleeps_is_taken_in_when_it_comes_and_who_is_not_kept_never"),
    ("who is not kept is waited for", "channel.py", " and (keep is None or u in keep)]", "]",
     REGROUP, "test_who_sleeps_is_taken_in_when_it_comes_and_who_is_not_kept_never"),
    ("who is in the group is still waited for", "smmp/membership.py", " if uid not in seen]", "]",
     REGROUP, "test_those_who_stay_are_in_one_group_again"),
    ("a join holds any number of bytes", "zpinc/joins.py",
     "SIG <= len(data) <= SIG + _MAX_DATA:", "SIG <= len(data):",
     "test_join_data", "test_it_has_bounds"),
    ("who has the group again goes on in its session", "smmp/order.py", "    if not data or ", "    if data and ",
     "test_group_life", "test_who_left_the_group_out_for_a_while_is_heard_when_it_is_back"),
    ("the state of another group is taken", "smmp/order.py", " or group.tags() and group.state.group != group.id:", ":",
     "test_group_life", "test_who_left_the_group_out_for_a_while_is_heard_when_it_is_back"),
    ("another ring in the same session", "zpinc/history.py",
     "                me.end_session()\n", "                pass\n",
     "test_join_data", "test_a_member_with_another_ring_begins_a_new_session"),
    ("other data in the same session", "zpinc/joins.py", "(used or me.session.data != me.data)", "used",
     "test_join_data", "test_a_member_that_says_something_else_begins_a_new_session_and_stays_in_the_group"),
]  # fmt: skip


def run(changed, module, test):
    """changed: a folder with the changed files, as below shared/."""
    command = [sys.executable, "-B", "-c", RUN, module, test, str(changed), *PATHS]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("module", "test"), sorted({mutant[4:] for mutant in MUTANTS}))
def test_the_rule_holds(tmp_path, module, test):
    done = run(tmp_path, module, test)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_the_broken_rule_is_found_out(tmp_path, mutant):
    what, file, text, replacement, module, test = mutant
    source = (CORE / file).read_text()
    assert source.count(text) == 1, f"{what}: mend the list of mutants"
    changed = tmp_path / "sealcast" / file
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_text(source.replace(text, replacement))
    done = run(tmp_path, module, test)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(("AssertionError", "ValueError")), done.stderr
