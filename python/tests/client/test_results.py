import unittest

from fedloom.client.errors import ClientError
from fedloom.client.results import sound
from fedloom.worker.problem import Problem
from fedloom.worker.results import to_results, to_sound_results

NAN = float("nan")


class Sound(unittest.TestCase):
    def test_what_is_sound_stays_as_it_is(self):
        entry = {"sampleCount": 3, "statistics": {}, "results": {"a": 0.5, "list": [1, 2]}}
        self.assertEqual(sound(entry), entry)

    def test_a_value_that_is_not_costs_its_name_alone(self):
        entry = {"sampleCount": 3, "statistics": {}, "results": {"a": NAN, "b": [1, float("inf")], "c": [], "d": 1, "": 1}}
        self.assertEqual(
            sound(entry, {"e": "is many"}),
            {
                "sampleCount": 3,
                "statistics": {},
                "results": {"d": 1},
                "unsound": {
                    "e": "is many",
                    "a": "is nan",
                    "b": "holds inf at place 2",
                    "c": "is a list of 0; from 1 to 4096 travel",
                    "()": "that is no name for a result",
                },
            },
        )

    def test_sums_of_a_plan(self):
        entry = {"sampleCount": 2, "statistics": {"loss": {"sum": NAN, "weight": 2}, "accuracy": {"sum": 1, "weight": 2}}}
        self.assertEqual(
            sound(entry),
            {"sampleCount": 2, "statistics": {"accuracy": {"sum": 1, "weight": 2}}, "unsound": {"loss": "is nan"}},
        )

    def test_no_samples_say_nothing(self):
        self.assertEqual(
            sound({"sampleCount": 0, "statistics": {}, "results": {"a": NAN}}), {"sampleCount": 0, "statistics": {}}
        )

    def test_what_cannot_travel_costs_the_client_its_evaluation(self):
        with self.assertRaisesRegex(ClientError, "sample count of 1000000000000"):
            sound({"sampleCount": 10**12, "statistics": {}, "results": {}})
        with self.assertRaisesRegex(ClientError, "65 results; at most 64 travel"):
            sound({"sampleCount": 1, "statistics": {}, "results": {str(i): i for i in range(65)}})

    def test_reasons_are_cut_to_what_travels(self):
        told = sound({"sampleCount": 1, "statistics": {}, "results": {}}, {"a" * 300: "b" * 300})["unsound"]
        self.assertEqual([(len(name), len(why)) for name, why in told.items()], [(256, 256)])


class ToResults(unittest.TestCase):
    def test_name_by_name(self):
        sound_ones, unsound = to_sound_results('{"a": "0.5", "b": "many", "c": [1, "x"], "d": null}', "T.test")
        self.assertEqual(sound_ones, {"a": 0.5})
        self.assertEqual(sorted(unsound), ["b", "c", "d"])
        self.assertIn("is 'many' (str)", unsound["b"])

    def test_or_not_at_all(self):
        with self.assertRaisesRegex(Problem, 'T.aggregate returned the result "a", which is nan'):
            to_results({"a": NAN}, "T.aggregate")


if __name__ == "__main__":
    unittest.main()
