import numpy as np

from isagrsc2.metrics.objects import MATCHING_IOU, count_matches, mostly_inside
from isagrsc2.metrics.outcomes import FOUND, MERGED, MISSED, OUTCOMES, SPLIT, find_outcomes
from isagrsc2.metrics.overlaps import NO_OVERLAPS, count_overlaps


def outcomes(predicted, reference):
    return find_outcomes(count_overlaps(np.array([predicted]), np.array([reference])))


def test_each_outcome_by_hand():
    # 5 is found (3/4), 6 lies untouched, 7 and 8 run together in 2, 9 is cut into thirds, 4 lies where nobody looked.
    predicted = [1, 1, 1, 0, 0, 0, 2, 2, 2, 2, 3, 4, 5, 6, 6, 0]
    reference = [5, 5, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 9, 0, 0, 0]
    found = outcomes(predicted, reference)
    assert dict(zip(found.reference.tolist(), found.outcome.tolist(), strict=True)) == {
        5: FOUND,
        6: MISSED,
        7: MERGED,
        8: MERGED,
        9: SPLIT,
    }
    assert found.invented.tolist() == [6]
    assert found.counts() == {"found": 1, "merged": 2, "split": 1, "missed": 1, "invented": 1}


def test_half_is_not_enough():
    assert outcomes([1, 0], [5, 5]).outcome.tolist() == [MISSED]  # half is covered; IoU 1/2
    assert outcomes([1, 1], [5, 0]).outcome.tolist() == [MERGED]  # all is covered; IoU 1/2
    assert outcomes([1, 1], [5, 0]).invented.tolist() == [1]  # only half of it lies in the reference
    assert outcomes([1, 1, 1], [5, 5, 0]).invented.tolist() == []


def test_a_parcel_that_fits_badly_and_is_as_large_ran_into_other_land():
    # 5 and 1 have 5 px each and share 3: IoU 3/7.
    assert outcomes([0, 0, 1, 1, 1, 1, 1], [5, 5, 5, 5, 5, 0, 0]).outcome.tolist() == [MERGED]
    # Of 4 px and sharing 3 it is smaller: IoU 3/6.
    assert outcomes([0, 0, 1, 1, 1, 1], [5, 5, 5, 5, 5, 0]).outcome.tolist() == [SPLIT]


def test_without_parcels_there_is_nothing():
    assert find_outcomes(NO_OVERLAPS).counts() == dict.fromkeys([*OUTCOMES, "invented"], 0)
    assert outcomes([1, 1], [0, 0]).counts()["invented"] == 1
    assert outcomes([0, 0], [3, 3]).counts()["missed"] == 1


def test_every_parcel_has_one_outcome_and_found_are_those_that_match(label_pairs):
    for predicted, reference, valid in label_pairs:
        overlaps = count_overlaps(predicted, reference, valid)
        found = find_outcomes(overlaps)
        assert found.reference.tolist() == overlaps.reference_areas()[0].tolist()
        counts = found.counts()
        assert sum(counts[name] for name in OUTCOMES) == len(found.reference)
        assert counts["found"] == count_matches(overlaps, MATCHING_IOU).matched
        kept = set(mostly_inside(overlaps))
        assert set(found.invented.tolist()) == set(overlaps.predicted_areas()[0].tolist()) - kept


def test_outcomes_agree_with_their_definition(label_pairs):
    for predicted, reference, valid in label_pairs[:30]:
        found = find_outcomes(count_overlaps(predicted, reference, valid))
        for number, outcome in zip(found.reference.tolist(), found.outcome.tolist(), strict=True):
            parcel = (reference == number) & valid
            pieces = {one: np.sum(parcel & (predicted == one)) for one in np.unique(predicted[parcel]) if one}
            area = {one: np.sum(valid & (predicted == one)) for one in pieces}
            ious = [pieces[one] / (area[one] + parcel.sum() - pieces[one]) for one in pieces]
            if max(ious, default=0) > 0.5:
                expected = FOUND
            elif 2 * sum(pieces.values()) <= parcel.sum():
                expected = MISSED
            else:
                largest = min(pieces, key=lambda one: (-pieces[one], area[one]))
                expected = MERGED if area[largest] >= parcel.sum() else SPLIT
            assert outcome == expected
